"""Who serves a host, in the words of `gen_ai.provider.name`.

Names that the conventions list are used as they are; the others follow their style.
https://opentelemetry.io/docs/specs/semconv/registry/attributes/gen-ai/
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_DOMAINS = {
    "ai-gateway.vercel.sh": "vercel",
    "ai.api.nvidia.com": "nvidia",
    "ai21.com": "ai21",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    "anthropic.com": "anthropic",
    "api.cloudflare.com": "cloudflare",
    "arcee.ai": "arcee",
    "azuredatabricks.net": "databricks",
    "baseten.co": "baseten",
    "bigmodel.cn": "zhipu_ai",
    "cerebras.ai": "cerebras",
    "chutes.ai": "chutes",
    "cloud.databricks.com": "databricks",
    "cognitiveservices.azure.com": "azure.ai.openai",
    "cohere.ai": "cohere",
    "cohere.com": "cohere",
    "crusoecloud.com": "crusoe",
    "dashscope-intl.aliyuncs.com": "alibaba_cloud",
    "dashscope.aliyuncs.com": "alibaba_cloud",
    "deepinfra.com": "deepinfra",
    "deepseek.com": "deepseek",
    "doubleword.ai": "doubleword",
    "elevenlabs.io": "elevenlabs",
    "featherless.ai": "featherless",
    "fireworks.ai": "fireworks",
    "friendli.ai": "friendli",
    "gateway.ai.cloudflare.com": "cloudflare",
    "gcp.databricks.com": "databricks",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "githubcopilot.com": "github_copilot",
    "gmi-serving.com": "gmi",
    "groq.com": "groq",
    "helicone.ai": "helicone",
    "huggingface.co": "huggingface",
    "hunyuan.cloud.tencent.com": "tencent",
    "hyperbolic.xyz": "hyperbolic",
    "inceptionlabs.ai": "inception",
    "inference.ai.azure.com": "azure.ai.inference",
    "inference.heroku.com": "heroku",
    "inference.net": "inference_net",
    "integrate.api.nvidia.com": "nvidia",
    "jina.ai": "jina_ai",
    "kimi.com": "moonshot_ai",
    "lambda.ai": "lambda",
    "litellm.ai": "litellm",
    "llama.com": "meta",
    "maas.aliyuncs.com": "alibaba_cloud",
    "meta.ai": "meta",
    "minimax.io": "minimax",
    "minimaxi.com": "minimax",
    "mistral.ai": "mistral_ai",
    "ml.cloud.ibm.com": "ibm.watsonx.ai",
    "models.ai.azure.com": "azure.ai.inference",
    "models.github.ai": "github",
    "models.inference.ai.azure.com": "github",
    "moonshot.ai": "moonshot_ai",
    "moonshot.cn": "moonshot_ai",
    "nebius.ai": "nebius",
    "nebius.com": "nebius",
    "novita.ai": "novita",
    "nscale.com": "nscale",
    "oai.endpoints.kepler.ai.cloud.ovh.net": "ovhcloud",
    "ollama.com": "ollama",
    "openai.azure.com": "azure.ai.openai",
    "openai.com": "openai",
    "openrouter.ai": "openrouter",
    "parasail.io": "parasail",
    "perplexity.ai": "perplexity",
    "portkey.ai": "portkey",
    "publicai.co": "public_ai",
    "qianfan.baidubce.com": "baidu",
    "reka.ai": "reka",
    "replicate.com": "replicate",
    "replicate.net": "replicate",
    "requesty.ai": "requesty",
    "sambanova.ai": "sambanova",
    "scaleway.ai": "scaleway",
    "services.ai.azure.com": "azure.ai.inference",
    "siliconflow.cn": "siliconflow",
    "siliconflow.com": "siliconflow",
    "snowflakecomputing.com": "snowflake",
    "stepfun.com": "stepfun",
    "together.ai": "together_ai",
    "together.xyz": "together_ai",
    "upstage.ai": "upstage",
    "venice.ai": "venice",
    "volces.com": "volcengine",
    "voyageai.com": "voyage_ai",
    "wandb.ai": "wandb",
    "writer.com": "writer",
    "x.ai": "x_ai",
    "z.ai": "z_ai",
}

# Where the name of the host, or its path, says more than its domain.
_PATTERNS = (
    (re.compile(r"([a-z0-9.-]+\.)?bedrock[a-z0-9-]*\.[^/]*\.(amazonaws\.com(\.cn)?|api\.aws)/"), "aws.bedrock"),
    (re.compile(r"[a-z0-9-]+-aiplatform\.googleapis\.com/"), "gcp.vertex_ai"),
    (re.compile(r"[^/]+\.(services\.ai\.azure\.com|azure-api\.net)/openai/"), "azure.ai.openai"),
    (re.compile(r"chatgpt\.com/backend-api/"), "openai"),
    (re.compile(r"runtime\.sagemaker\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/"), "aws.sagemaker"),
)


def provider_of(uri: str) -> str | None:
    """The provider behind a URI; `None` for an address of this machine and for a host that nobody listed."""
    try:
        parts = urlsplit(uri)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return None
    place = f"{host}{parts.path or '/'}"
    named = next((provider for pattern, provider in _PATTERNS if pattern.match(place)), None)
    return named or _provider_of_domain(host)


def _provider_of_domain(host: str) -> str | None:
    labels = host.split(".")
    domains = (".".join(labels[start:]) for start in range(len(labels)))
    return next((_DOMAINS[domain] for domain in domains if domain in _DOMAINS), None)
