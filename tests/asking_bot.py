"""An application that asks a model, in the standard library alone: the quickest that there is to start."""

BOT = """
    import json, os, urllib.request

    def ask(question):
        body = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": question}]}
        url = os.environ["MODEL_BASE_URL"] + "/chat/completions"
        request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
        with urllib.request.urlopen(request) as response:
            return json.load(response)["choices"][0]["message"]["content"]
"""
