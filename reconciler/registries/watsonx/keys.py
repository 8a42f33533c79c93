"""The 76 keys of watsonx Orchestrate's `provider_config` and the 34 of its `config`, with their types.

Sources: the reference page of `POST /models` for the keys and their types; the vendor's own client
(ibm-watsonx-orchestrate 2.19) for the second spelling of each, for integers among the page's numbers, and
for what its free objects and lists hold. The service takes both spellings of `provider_config`, shows the
page's, and adds a `provider` that it derives from the model's name. A spelling is looked up, never
computed, and nothing below a key is ever respelled. `config` has one spelling.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from reconciler.registries.codecs import (
    Address,
    Codec,
    Flag,
    Number,
    SecretObject,
    SecretText,
    SetOf,
    Text,
    Tree,
    Whole,
)

DERIVED: Final = "provider"
"""The key of a live `provider_config` that the service makes; a request that holds it is refused."""

UNSET_KEY: Final = "Dummy"
"""What `api_key` reads as where none was sent: the documented default."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of `provider_config`: its other spellings, the preferred one first, and its codec."""

    aliases: tuple[str, ...]
    codec: Codec
    upstream: bool = False
    """Whether the object's secrets are used at the address that stands here, or that it picks."""
    host: str = ""
    """The host that a value which is no address picks."""


_OBJECT: Final[dict[str, Any]] = {"type": "object"}
_TEXT: Final[dict[str, Any]] = {"type": "string"}
_NUMBER: Final[dict[str, Any]] = {"type": "number"}
_TEXTS: Final[dict[str, Any]] = {"type": "array", "items": _TEXT}
_OBJECTS: Final[dict[str, Any]] = {"type": "array", "items": _OBJECT}


def _tree(shape: dict[str, Any] | None = None, *, free: bool = False) -> Tree:
    """Whether an empty value reads back no source states [?]: it counts as none."""
    return Tree(shape, free=free, empty_is_unset=True)


def _either(*shapes: dict[str, Any], free: bool = False) -> Tree:
    return _tree({"anyOf": list(shapes)}, free=free)


def _upstream(*aliases: str) -> Key:
    return Key(aliases, Address(bare=True), upstream=True)


def _rows(codec: Codec, table: str) -> dict[str, Key]:
    """A line holds the page's spelling and then the others."""
    lines = (line.split() for line in table.strip().splitlines())
    return {wire: Key(tuple(aliases), codec) for wire, *aliases in lines}


PROVIDER_CONFIG: Final[Mapping[str, Key]] = {
    **_rows(
        SecretText(),
        """
        api_key
        azureEntraClientSecret azure_entra_client_secret
        azureAdToken azure_ad_token
        awsSecretAccessKey aws_secret_access_key
        awsAccessKeyId aws_access_key_id
        awsSessionToken aws_session_token
        watsonxCpdPassword watsonx_cpd_password
        """,
    ),
    "vertexServiceAccountJson": Key(("vertex_service_account_json",), SecretObject()),
    "customHost": _upstream("custom_host"),
    "urlToFetch": _upstream("url_to_fetch"),
    "huggingfaceBaseUrl": _upstream("huggingface_base_url"),
    "azureFoundryUrl": _upstream("azure_inference_foundry_url", "azure_foundry_url"),
    "watsonxCpdUrl": _upstream("watsonx_cpd_url"),
    # The account is a part of the vendor's host, so it chooses who gets the key.
    "resourceName": Key(("azure_resource_name",), Text(), upstream=True, host="{}.openai.azure.com"),
    "snowflakeAccount": Key(("snowflake_account",), Text(), upstream=True, host="{}.snowflakecomputing.com"),
    "forwardHeaders": Key(("forward_headers",), SetOf(str)),
    "index": Key((), Whole(signed=True)),
    "requestTimeout": Key(("request_timeout",), Whole()),
    "transformToFormData": Key(("transform_to_form_data",), Flag()),
    "strictOpenAiCompliance": Key(("strict_open_ai_compliance",), Flag()),
    "cache": Key((), _either(_TEXT, _OBJECT, free=True)),
    "metadata": Key((), _tree({"type": "object", "additionalProperties": _TEXT}, free=True)),
    **_rows(
        _tree(_OBJECTS, free=True),
        """
        afterRequestHooks after_request_hooks
        beforeRequestHooks before_request_hooks
        defaultInputGuardrails default_input_guardrails
        defaultOutputGuardrails default_output_guardrails
        """,
    ),
    **_rows(
        Text(),
        """
        deploymentId azure_deployment_id
        apiVersion azure_api_version
        adAuth ad_auth
        azureAuthMode azure_auth_mode
        azureManagedClientId azure_managed_client_id
        azureEntraClientId azure_entra_client_id
        azureEntraTenantId azure_entra_tenant_id
        azureModelName azure_model_name
        azureDeploymentName azure_inference_deployment_name azure_deployment_name
        azureApiVersion azure_inference_api_version
        azureExtraParams azure_inference_extra_params azure_extra_params
        workersAiAccountId workers_ai_account_id
        awsRegion aws_region
        awsAuthType aws_auth_type
        awsRoleArn aws_role_arn
        awsExternalId aws_external_id
        awsS3Bucket aws_s3_bucket
        awsS3ObjectKey aws_s3_object_key
        awsBedrockModel aws_bedrock_model
        awsServerSideEncryption aws_server_side_encryption
        awsServerSideEncryptionKMSKeyId aws_server_side_encryption_kms_key_id
        amznSagemakerCustomAttributes amzn_sagemaker_custom_attributes
        amznSagemakerTargetModel amzn_sagemaker_target_model
        amznSagemakerTargetVariant amzn_sagemaker_target_variant
        amznSagemakerTargetContainerHostname amzn_sagemaker_target_container_hostname
        amznSagemakerInferenceId amzn_sagemaker_inference_id
        amznSagemakerEnableExplanations amzn_sagemaker_enable_explanations
        amznSagemakerInferenceComponent amzn_sagemaker_inference_component
        amznSagemakerSessionId amzn_sagemaker_session_id
        amznSagemakerModelName amzn_sagemaker_model_name
        stabilityClientId stability_client_id
        stabilityClientUserId stability_client_user_id
        stabilityClientVersion stability_client_version
        vertexRegion vertex_region
        vertexProjectId vertex_project_id
        vertexStorageBucketName vertex_storage_bucket_name
        vertexModelName vertex_model_name
        filename
        openaiProject openai_project
        openaiOrganization openai_organization
        openaiBeta openai_beta
        mistralFimCompletion mistral_fim_completion
        anthropicBeta anthropic_beta
        anthropicVersion anthropic_version
        fireworksAccountId fireworks_account_id
        watsonxVersion watsonx_version
        watsonxSpaceId watsonx_space_id
        watsonxProjectId watsonx_project_id
        watsonxDeploymentId watsonx_deployment_id
        watsonxCpdUsername watsonx_cpd_username
        """,
    ),
}

SECRETS: Final = frozenset(wire for wire, key in PROVIDER_CONFIG.items() if isinstance(key.codec, SecretText))
"""Keys that no observation holds and that are never compared, in the page's spelling."""

_SPELLINGS: Final[Mapping[str, str]] = {
    spelling: wire for wire, key in PROVIDER_CONFIG.items() for spelling in (wire, *key.aliases)
}


def spelled(provider_config: Mapping[str, Any]) -> dict[str, Any]:
    """A live `provider_config` in the page's spelling, its values untouched.

    Keys that we do not know stay as they are, the derived `provider` among them. Where a key stands there
    in two spellings, the page's counts.
    """
    found = {_SPELLINGS.get(key, key): value for key, value in provider_config.items()}
    return {key: provider_config.get(key, value) for key, value in found.items()}


# The page gives some keys another type than the OpenAI API that the service speaks; either is taken, and
# sent as it stands. No source says that the objects here are closed, so they are not.
CONFIG: Final[Mapping[str, Codec]] = {
    "decoding_method": Text(),
    "prompt": _either(_TEXT, {"type": "array"}),
    "max_tokens": Whole(),
    "max_completion_tokens": Whole(),
    "temperature": Number(),
    "top_p": Number(),
    "n": Whole(signed=True),
    "stream": Flag(),
    "logprobs": _either(_NUMBER, {"type": "boolean"}),
    "top_logprobs": _either({"type": "boolean"}, _NUMBER),
    "echo": Flag(),
    "stop": _either(_TEXT, _TEXTS),
    "presence_penalty": Number(signed=True),
    "frequency_penalty": Number(signed=True),
    "best_of": Whole(signed=True),
    "logit_bias": _tree({"type": "object", "additionalProperties": _NUMBER}),
    "user": Text(),
    "context": Text(),
    "examples": _tree(
        {"type": "array", "items": {"type": "object", "properties": {"input": {}, "output": {}}}}
    ),
    "top_k": Whole(signed=True),
    "response_format": _tree({"type": "object", "properties": {"type": _TEXT, "json_schema": {}}}),
    "seed": Whole(signed=True),
    "store": Flag(),
    "metadata": _tree(_OBJECT),
    "modalities": SetOf(str),
    "audio": _tree(
        {"type": "object", "properties": {"voice": {"anyOf": [_TEXT, _OBJECT]}, "format": _TEXT}},
    ),
    "service_tier": Text(),
    "prediction": _tree(
        {
            "type": "object",
            "properties": {
                "type": _TEXT,
                "content": {
                    "anyOf": [
                        {
                            "type": "array",
                            "items": {"type": "object", "properties": {"type": _TEXT, "text": _TEXT}},
                        },
                        _TEXT,
                    ]
                },
            },
        }
    ),
    "safety_settings": _tree(),
    "anthropic_beta": _either(_TEXT, _TEXTS),
    "anthropic_version": Text(),
    "thinking": _tree(
        {"type": "object", "properties": {"type": _TEXT, "budget_tokens": {"type": "integer"}}}
    ),
    "space_id": Text(),
    "project_id": Text(),
}
