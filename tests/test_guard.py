"""What a replaying test may reach: passthrough, and nothing else, whichever way it tries."""

from __future__ import annotations

import select
import socket
import sys

import pytest

from pytest_llmwatch.ways_out import grpc_destination

NOTHING_PASSES = {"LLMWATCH_PASSTHROUGH_HOSTS": ""}

WAYS = """
    import asyncio
    import os
    import smtplib
    import socket
    import threading
    from concurrent.futures import ThreadPoolExecutor

    HOST, PORT = "127.0.0.1", int(os.environ["PORT"])


    def by_connect():
        with socket.socket() as sock:
            sock.connect((HOST, PORT))


    def by_connect_ex():
        with socket.socket() as sock:
            sock.connect_ex((HOST, PORT))


    def by_sendto():
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.sendto(b"x", (HOST, PORT))


    def by_sendmsg():
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.sendmsg([b"x"], [], 0, (HOST, PORT))


    def by_create_connection():
        socket.create_connection(("localhost", PORT))


    def by_smtplib():
        smtplib.SMTP(HOST, PORT)


    def by_thread():
        thread = threading.Thread(target=by_connect)
        thread.start()
        thread.join()


    def by_executor():
        with ThreadPoolExecutor() as pool:
            pool.submit(by_connect).result()


    def by_asyncio():
        asyncio.run(open_connection())


    def by_asyncio_sock_connect():
        asyncio.run(sock_connect())


    def by_uvloop():
        import uvloop

        uvloop.run(open_connection())


    def by_uvloop_sock_connect():
        import uvloop

        uvloop.run(sock_connect())


    def by_uvloop_datagram():
        import uvloop

        async def connect():
            loop = asyncio.get_running_loop()
            await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=(HOST, PORT))

        uvloop.run(connect())


    def by_grpc():
        import grpc

        with grpc.insecure_channel(f"{HOST}:{PORT}") as channel:
            channel.unary_unary("/bot.Bot/Ask")(b"", timeout=5)


    def by_grpc_stream():
        import grpc

        with grpc.insecure_channel(f"{HOST}:{PORT}") as channel:
            list(channel.unary_stream("/bot.Bot/Ask")(b"", timeout=5))


    def by_grpc_ready():
        import grpc

        with grpc.secure_channel(f"{HOST}:{PORT}", grpc.ssl_channel_credentials()) as channel:
            grpc.channel_ready_future(channel).result(5)


    def by_grpc_aio():
        import grpc

        async def ask():
            async with grpc.aio.insecure_channel(f"{HOST}:{PORT}") as channel:
                await channel.unary_unary("/bot.Bot/Ask")(b"", timeout=5)

        asyncio.run(ask())


    async def open_connection():
        await asyncio.open_connection(HOST, PORT)


    async def sock_connect():
        with socket.socket() as sock:
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, (HOST, PORT))


    WAYS = {name.removeprefix("by_"): value for name, value in dict(globals()).items() if name.startswith("by_")}
"""


class Port:
    """A port on loopback where somebody listens, and knows whether anybody came."""

    def __init__(self):
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self.number = self._tcp.getsockname()[1]
        self._udp = socket.socket(type=socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.number))

    def was_reached(self):
        return bool(select.select([self._tcp, self._udp], [], [], 0)[0])

    def close(self):
        self._tcp.close()
        self._udp.close()


@pytest.fixture
def port():
    port = Port()
    yield port
    port.close()


@pytest.fixture
def reaching(project, port):
    """Run these tests, which find `PORT` in their environment."""

    def run(source, *args, env=None, **sources):
        project.write(test_reach=source, **sources)
        return project.pytest(*args, env={"PORT": str(port.number), **(env or {})})

    return run


def pages_of(result):
    return [line for line in result.outlines if line.startswith("A replay reaches for the network")]


def test_every_way_out_is_refused_and_nobody_is_reached(reaching, port):
    result = reaching(
        """
        import pytest
        from ways import WAYS


        @pytest.mark.llm
        @pytest.mark.parametrize("name", WAYS)
        def test_reach(name):
            WAYS[name]()
        """,
        env=NOTHING_PASSES,
        ways=WAYS,
    )
    number = WAYS.count("def by_")

    result.assert_outcomes(failed=number)
    assert len(pages_of(result)) == number
    address = f"  127.0.0.1:{port.number}   "
    tried = [line.removeprefix(address) for line in result.outlines if line.startswith(address)]
    assert sorted(set(tried)) == [
        "connection by asyncio",
        "connection by smtplib",
        "connection by socket",
        "datagram by socket",
        "gRPC call by grpc",
    ]
    assert not port.was_reached()


def test_a_refusal_that_the_application_swallows_fails_the_test_all_the_same(reaching, port):
    result = reaching(
        """
        import asyncio

        import anyio
        import pytest
        from ways import WAYS, open_connection

        pytestmark = pytest.mark.llm


        @pytest.mark.parametrize("name", ["connect", "executor", "grpc"])
        def test_swallowed(name):
            try:
                WAYS[name]()
            except BaseException:
                pass


        def test_suppressed_in_a_task():
            async def main():
                task = asyncio.create_task(open_connection())
                await asyncio.wait([task])

            asyncio.run(main())


        def test_task_group():
            async def main():
                async with asyncio.TaskGroup() as group:
                    group.create_task(open_connection())

            asyncio.run(main())


        def test_anyio_task_group():
            async def main():
                async with anyio.create_task_group() as group:
                    group.start_soon(open_connection)

            anyio.run(main)
        """,
        env=NOTHING_PASSES,
        ways=WAYS,
    )

    result.assert_outcomes(failed=6)
    assert len(pages_of(result)) == 6
    assert not any("Exception Group" in line for line in result.outlines)
    assert not port.was_reached()


def test_a_name_that_does_not_exist_gives_the_page_and_no_gaierror(reaching):
    result = reaching(
        """
        import asyncio
        import socket

        import pytest

        pytestmark = pytest.mark.llm
        NAME = "models.no-such-host.invalid"


        async def lookup():
            await asyncio.get_running_loop().getaddrinfo(NAME, 443)


        def of_uvloop():
            import uvloop

            uvloop.run(lookup())


        @pytest.mark.parametrize(
            "look_up",
            [
                lambda: socket.getaddrinfo(NAME, 443),
                lambda: socket.create_connection((NAME, 443)),
                lambda: asyncio.run(lookup()),
                of_uvloop,
            ],
        )
        def test_reach(look_up):
            look_up()


        @pytest.mark.parametrize("name", ["gethostbyname", "gethostbyname_ex"])
        def test_reach_without_a_port(name):
            getattr(socket, name)(NAME)
        """
    )

    result.assert_outcomes(failed=6)
    assert not any("gaierror" in line for line in result.outlines)
    assert sum("  models.no-such-host.invalid:443   name lookup by " in line for line in result.outlines) == 4
    result.stdout.fnmatch_lines(
        [
            "A replay reaches for the network (test_reach.py::test_reach*0*).",
            "  models.no-such-host.invalid:443   name lookup by socket",
            "  from test_reach.py:23 (<lambda>)",
            "No recording can answer it: *",
            "*: llm_passthrough_hosts = localhost *.localhost 127.* ::1 0.0.0.0 models.no-such-host.invalid",
            "To do without the guard: llm_guard = off",
            "*== llmwatch ==*",
            "tests: 6 refused",
            "Refused by the guard: models.no-such-host.invalid, models.no-such-host.invalid:443 (*",
        ]
    )
    assert not any("To record what was refused" in line for line in result.outlines)


def test_the_page_names_the_library_that_was_called(project, reaching):
    project.write_file(
        "site-packages/vectordb/__init__.py",
        "import socket\n\ndef search(text):\n    return socket.create_connection(('db.example.com', 6333))\n",
    )
    result = reaching(
        """
        import sys

        sys.path.insert(0, "site-packages")

        import vectordb


        def test_search(llm_cassette):
            vectordb.search("used phone")
        """
    )

    result.stdout.fnmatch_lines(
        ["  db.example.com:6333   name lookup by vectordb", "  from test_reach.py:9 (test_search)"]
    )


def test_http_clients_are_refused_by_the_recording_before_they_connect(reaching, port):
    result = reaching(
        """
        import asyncio
        import http.client
        import os
        import urllib.request

        import aiohttp
        import httpx2
        import pytest
        import requests

        PORT = int(os.environ["PORT"])
        URL = f"http://127.0.0.1:{PORT}/"


        async def by_aiohttp():
            async with aiohttp.ClientSession() as session:
                await session.get(URL)


        def by_http_client():
            connection = http.client.HTTPConnection("127.0.0.1", PORT)
            connection.request("GET", "/")
            connection.getresponse()


        @pytest.mark.llm
        @pytest.mark.parametrize(
            "call",
            [
                lambda: urllib.request.urlopen(URL),
                lambda: requests.get(URL),
                lambda: httpx2.get(URL),
                lambda: asyncio.run(by_aiohttp()),
                by_http_client,
            ],
        )
        def test_reach(call):
            call()
        """,
        env=NOTHING_PASSES,
    )

    result.assert_outcomes(failed=5)
    assert sum("No recording matches this request" in line for line in result.outlines if line[:2] == "No") == 5
    assert not port.was_reached()


def test_what_stays_in_the_machine_and_passthrough_pass(reaching, port):
    result = reaching(
        """
        import asyncio
        import os
        import socket

        import grpc
        import pytest
        import uvloop

        pytestmark = pytest.mark.llm
        PORT = int(os.environ["PORT"])


        @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
        def test_loopback(host):
            socket.create_connection((host, PORT)).close()


        def test_asyncio():
            async def main():
                await asyncio.open_connection("localhost", PORT)

            asyncio.run(main())
            uvloop.run(main())


        def test_unix_sockets(tmp_path):
            left, right = socket.socketpair()
            left.send(b"x")
            assert right.recv(1) == b"x"
            with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
                os.chdir(tmp_path)
                server.bind("here")
                server.listen()
                client.connect("here")


        def test_the_name_of_this_machine():
            try:
                socket.gethostbyname(socket.gethostname())
            except OSError:
                pass


        def test_a_grpc_channel_that_nobody_uses():
            grpc.insecure_channel("models.example.com:443").close()
        """
    )

    result.assert_outcomes(passed=6)
    assert port.was_reached()


def test_a_host_that_passes_by_its_name_passes_by_its_addresses_too(reaching):
    source = """
        import asyncio
        import os
        import socket

        import pytest

        PORT = int(os.environ["PORT"])


        @pytest.mark.llm
        def test_by_name():
            socket.create_connection(("localhost", PORT)).close()
            asyncio.run(asyncio.open_connection("localhost", PORT))


        @pytest.mark.llm
        def test_another_port():
            socket.create_connection(("localhost", 9)).close()
    """

    result = reaching(source, env={"LLMWATCH_PASSTHROUGH_HOSTS": "localhost:*"})
    result.assert_outcomes(passed=1, failed=1)
    assert pages_of(result) == []  # it passed, and nobody listens there


def test_a_port_that_is_not_named_does_not_pass(reaching, port):
    source = """
        import os
        import socket


        def test_reach(llm_cassette):
            socket.create_connection(("localhost", int(os.environ["PORT"]))).close()
    """

    reaching(source, env={"LLMWATCH_PASSTHROUGH_HOSTS": "localhost:1"}).assert_outcomes(failed=1)
    assert not port.was_reached()
    reaching(source, env={"LLMWATCH_PASSTHROUGH_HOSTS": f"localhost:{port.number}"}).assert_outcomes(passed=1)
    assert port.was_reached()


def test_a_thread_that_a_test_left_behind_is_refused_in_the_next_one(reaching, port):
    result = reaching(
        """
        import threading

        from ways import by_connect

        go, done = threading.Event(), threading.Event()


        def later():
            go.wait(10)
            try:
                by_connect()
            except BaseException:
                done.set()


        def test_first(llm_cassette):
            threading.Thread(target=later, name="left-behind", daemon=True).start()


        def test_second(llm_cassette):
            go.set()
            assert done.wait(10)
        """,
        env=NOTHING_PASSES,
        ways=WAYS,
    )

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["*test_reach.py::test_second*", "  in thread left-behind, which was there before this test"]
    )
    assert not port.was_reached()


def test_a_thread_that_a_test_left_behind_is_refused_between_tests_too(reaching, port):
    result = reaching(
        """
        import threading

        from ways import by_connect


        def test_first(llm_cassette):
            from conftest import go

            threading.Thread(target=lambda: (go.wait(10), by_connect()), daemon=True, name="left-behind").start()
        """,
        "-p",
        "no:threadexception",
        env=NOTHING_PASSES,
        ways=WAYS,
        conftest="""
        import threading

        go = threading.Event()


        def pytest_runtest_logfinish():
            go.set()
            for thread in threading.enumerate():
                if thread.name == "left-behind":
                    thread.join(10)
        """,
    )

    result.assert_outcomes(passed=1)
    assert not port.was_reached()


def test_tests_that_do_not_use_us_are_left_alone_and_find_the_real_functions(reaching, port):
    result = reaching(
        """
        import asyncio
        import socket
        import sys

        import pytest
        from ways import by_connect

        import grpc
        from grpc import _channel

        REAL = socket.getaddrinfo, asyncio.BaseEventLoop.getaddrinfo, _channel._UnaryUnaryMultiCallable.__call__


        def test_ours(llm_cassette):
            assert "connect" in vars(socket.socket)
            with pytest.raises(BaseException):
                by_connect()


        def test_not_ours():
            assert "connect" not in vars(socket.socket)
            now = socket.getaddrinfo, asyncio.BaseEventLoop.getaddrinfo, _channel._UnaryUnaryMultiCallable.__call__
            assert now == REAL
            assert not any(type(finder).__module__.startswith("pytest_llmwatch") for finder in sys.meta_path)
            by_connect()
        """,
        env=NOTHING_PASSES,
        ways=WAYS,
    )

    result.assert_outcomes(passed=1, failed=1)
    assert port.was_reached()


ONE_OF_EACH = """
    from ways import by_connect


    def test_ours(llm_cassette):
        by_connect()


    def test_not_ours():
        by_connect()
"""


@pytest.mark.parametrize(
    "setting, args, outcomes",
    [
        ("used", [], {"failed": 1, "passed": 1}),
        ("all", [], {"failed": 2}),
        ("off", [], {"passed": 2}),
        ("all", ["--llm-record"], {"passed": 2}),
    ],
)
def test_the_setting_says_whom_the_guard_is_for(project, reaching, setting, args, outcomes):
    project.write_file("pytest.ini", f"[pytest]\naddopts = -p no:randomly\nllm_guard = {setting}\n")

    result = reaching(ONE_OF_EACH, *args, env=NOTHING_PASSES, ways=WAYS)

    result.assert_outcomes(**outcomes)
    assert any("If it calls a model: ask for llm_cassette" in line for line in result.outlines) == (
        outcomes == {"failed": 2}
    )


def test_a_setting_that_makes_no_sense_is_a_usage_error(project):
    result = project.pytest(env={"LLMWATCH_GUARD": "most"})

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*'most' is no value for the guard; use used, all or off*"])


def test_the_guard_is_the_same_in_workers(reaching, port):
    result = reaching(ONE_OF_EACH, "-n2", env=NOTHING_PASSES, ways=WAYS)

    result.assert_outcomes(passed=1, failed=1)
    assert len(pages_of(result)) == 1


def test_it_gets_along_with_others_who_stand_in_for_connect(reaching, port):
    # pytest-socket and pytest-recording keep the real function at import, and write it back after each test.
    conftest = """
        import socket

        import pytest

        TRUE = socket.socket.connect
        seen = []


        def pytest_runtest_setup(item):
            def guarded(self, address):
                seen.append(address)
                return TRUE(self, address)

            if "blocked" in item.name:
                socket.socket.connect = guarded


        def pytest_runtest_teardown(item):
            socket.socket.connect = TRUE
    """
    result = reaching(
        """
        import socket

        from conftest import seen
        from ways import by_connect, by_create_connection


        def test_blocked_by_both(llm_cassette):
            by_connect()
            assert len(seen) == 1


        def test_blocked_by_us_again(llm_cassette):
            socket.getaddrinfo("db.example.com", 80)


        def test_ours_alone(llm_cassette):
            by_connect()


        def test_patched_by_the_test(llm_cassette, monkeypatch):
            monkeypatch.setattr(socket.socket, "connect", lambda *_: seen.append("faked"))
            by_connect()
            assert seen[-1] == "faked"


        def test_ours_once_more(llm_cassette):
            by_connect()


        def test_not_ours():
            by_connect()
        """,
        env=NOTHING_PASSES,
        ways=WAYS,
        conftest=conftest,
    )

    result.assert_outcomes(passed=3, failed=3)
    assert len(pages_of(result)) == 3


def test_a_process_that_a_test_starts_is_not_guarded_as_the_documents_say(reaching, port):
    result = reaching(
        f"""
        import os
        import subprocess


        def test_reach(llm_cassette):
            code = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])))"
            subprocess.run([{sys.executable!r}, "-c", code, os.environ["PORT"]], check=True)
        """,
        env=NOTHING_PASSES,
    )

    result.assert_outcomes(passed=1)
    assert port.was_reached()


def test_a_refusal_in_a_wider_fixture_fails_the_test_that_sets_it_up(reaching, port):
    result = reaching(
        """
        import pytest
        from ways import by_connect


        @pytest.fixture(scope="module")
        def index():
            by_connect()


        def test_reach(llm_cassette, index):
            pass
        """,
        env=NOTHING_PASSES,
        ways=WAYS,
    )

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["A replay reaches for the network (*fixture-index.yaml::index)."])
    assert not port.was_reached()


@pytest.mark.parametrize(
    "target, expected",
    [
        ("models.example.com:443", ("models.example.com", 443)),
        ("dns:///models.example.com:443", ("models.example.com", 443)),
        ("dns:models.example.com:443", ("models.example.com", 443)),
        ("dns://8.8.8.8/models.example.com", ("models.example.com", None)),
        ("ipv4:10.0.0.7:50051,10.0.0.8:50051", ("10.0.0.7", 50051)),
        ("ipv6:[::1]:50051", ("::1", 50051)),
        ("passthrough:///localhost:1", ("localhost", 1)),
        ("unix:/tmp/here", None),
        ("unix:///tmp/here", None),
    ],
)
def test_a_grpc_target_names_its_destination(target, expected):
    assert grpc_destination(target) == expected
