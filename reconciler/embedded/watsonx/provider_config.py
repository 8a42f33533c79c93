"""The 76 keys of ``provider_config``: their types, and both of their spellings.

Sources: the API reference of ``POST /models``, which writes them in camelCase, and the vendor's client
(ibm-watsonx-orchestrate), which sends them in snake_case and names the types. The service takes both and
answers in camelCase. It is a table because the spellings follow no rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reconciler.embedded.answers import Mismatch
from reconciler.embedded.shapes import (
    Check,
    array,
    either,
    flag,
    free_object,
    integer,
    map_of,
    nullable,
    text,
)

_TEXTS = array(text)
_OBJECTS = array(free_object)
_TEXT_MAP = map_of(text)
_TEXT_OR_OBJECT = either(text, free_object)

SECRETS = frozenset(
    "api_key azureEntraClientSecret azureAdToken awsSecretAccessKey awsAccessKeyId awsSessionToken "
    "vertexServiceAccountJson watsonxCpdPassword".split()
)
"""The keys whose values are kept sealed."""


@dataclass(frozen=True, slots=True)
class Key:
    """``others``: the other spellings that are taken."""

    check: Check
    others: tuple[str, ...] = ()


KEYS: dict[str, Key] = {
    "api_key": Key(text),
    "urlToFetch": Key(text, ("url_to_fetch",)),
    "resourceName": Key(text, ("azure_resource_name",)),
    "deploymentId": Key(text, ("azure_deployment_id",)),
    "apiVersion": Key(text, ("azure_api_version",)),
    "adAuth": Key(text, ("ad_auth",)),
    "azureAuthMode": Key(text, ("azure_auth_mode",)),
    "azureManagedClientId": Key(text, ("azure_managed_client_id",)),
    "azureEntraClientId": Key(text, ("azure_entra_client_id",)),
    "azureEntraClientSecret": Key(text, ("azure_entra_client_secret",)),
    "azureEntraTenantId": Key(text, ("azure_entra_tenant_id",)),
    "azureAdToken": Key(text, ("azure_ad_token",)),
    "azureModelName": Key(text, ("azure_model_name",)),
    "workersAiAccountId": Key(text, ("workers_ai_account_id",)),
    "customHost": Key(text, ("custom_host",)),
    "forwardHeaders": Key(_TEXTS, ("forward_headers",)),
    "index": Key(integer),
    "cache": Key(_TEXT_OR_OBJECT),
    "metadata": Key(_TEXT_MAP),
    "requestTimeout": Key(integer, ("request_timeout",)),
    "transformToFormData": Key(flag, ("transform_to_form_data",)),
    "awsSecretAccessKey": Key(text, ("aws_secret_access_key",)),
    "awsAccessKeyId": Key(text, ("aws_access_key_id",)),
    "awsSessionToken": Key(text, ("aws_session_token",)),
    "awsRegion": Key(text, ("aws_region",)),
    "awsAuthType": Key(text, ("aws_auth_type",)),
    "awsRoleArn": Key(text, ("aws_role_arn",)),
    "awsExternalId": Key(text, ("aws_external_id",)),
    "awsS3Bucket": Key(text, ("aws_s3_bucket",)),
    "awsS3ObjectKey": Key(text, ("aws_s3_object_key",)),
    "awsBedrockModel": Key(text, ("aws_bedrock_model",)),
    "awsServerSideEncryption": Key(text, ("aws_server_side_encryption",)),
    "awsServerSideEncryptionKMSKeyId": Key(text, ("aws_server_side_encryption_kms_key_id",)),
    "amznSagemakerCustomAttributes": Key(text, ("amzn_sagemaker_custom_attributes",)),
    "amznSagemakerTargetModel": Key(text, ("amzn_sagemaker_target_model",)),
    "amznSagemakerTargetVariant": Key(text, ("amzn_sagemaker_target_variant",)),
    "amznSagemakerTargetContainerHostname": Key(text, ("amzn_sagemaker_target_container_hostname",)),
    "amznSagemakerInferenceId": Key(text, ("amzn_sagemaker_inference_id",)),
    "amznSagemakerEnableExplanations": Key(text, ("amzn_sagemaker_enable_explanations",)),
    "amznSagemakerInferenceComponent": Key(text, ("amzn_sagemaker_inference_component",)),
    "amznSagemakerSessionId": Key(text, ("amzn_sagemaker_session_id",)),
    "amznSagemakerModelName": Key(text, ("amzn_sagemaker_model_name",)),
    "stabilityClientId": Key(text, ("stability_client_id",)),
    "stabilityClientUserId": Key(text, ("stability_client_user_id",)),
    "stabilityClientVersion": Key(text, ("stability_client_version",)),
    "huggingfaceBaseUrl": Key(text, ("huggingface_base_url",)),
    "vertexRegion": Key(text, ("vertex_region",)),
    "vertexProjectId": Key(text, ("vertex_project_id",)),
    "vertexServiceAccountJson": Key(free_object, ("vertex_service_account_json",)),
    "vertexStorageBucketName": Key(text, ("vertex_storage_bucket_name",)),
    "vertexModelName": Key(text, ("vertex_model_name",)),
    "filename": Key(text),
    "afterRequestHooks": Key(_OBJECTS, ("after_request_hooks",)),
    "beforeRequestHooks": Key(_OBJECTS, ("before_request_hooks",)),
    "defaultInputGuardrails": Key(_OBJECTS, ("default_input_guardrails",)),
    "defaultOutputGuardrails": Key(_OBJECTS, ("default_output_guardrails",)),
    "openaiProject": Key(text, ("openai_project",)),
    "openaiOrganization": Key(text, ("openai_organization",)),
    "openaiBeta": Key(text, ("openai_beta",)),
    "azureDeploymentName": Key(text, ("azure_inference_deployment_name", "azure_deployment_name")),
    "azureApiVersion": Key(text, ("azure_inference_api_version",)),
    "azureExtraParams": Key(text, ("azure_inference_extra_params", "azure_extra_params")),
    "azureFoundryUrl": Key(text, ("azure_inference_foundry_url", "azure_foundry_url")),
    "strictOpenAiCompliance": Key(flag, ("strict_open_ai_compliance",)),
    "mistralFimCompletion": Key(text, ("mistral_fim_completion",)),
    "anthropicBeta": Key(text, ("anthropic_beta",)),
    "anthropicVersion": Key(text, ("anthropic_version",)),
    "fireworksAccountId": Key(text, ("fireworks_account_id",)),
    "snowflakeAccount": Key(text, ("snowflake_account",)),
    "watsonxVersion": Key(text, ("watsonx_version",)),
    "watsonxSpaceId": Key(text, ("watsonx_space_id",)),
    "watsonxProjectId": Key(text, ("watsonx_project_id",)),
    "watsonxDeploymentId": Key(text, ("watsonx_deployment_id",)),
    "watsonxCpdUrl": Key(text, ("watsonx_cpd_url",)),
    "watsonxCpdUsername": Key(text, ("watsonx_cpd_username",)),
    "watsonxCpdPassword": Key(text, ("watsonx_cpd_password",)),
}

_CAMEL = {spelling: name for name, key in KEYS.items() for spelling in (name, *key.others)}


def check(path: str, value: object) -> None:
    """Raises Mismatch for a key that is not known, a key in two spellings, or a value of a wrong type."""
    free_object(path, value)
    assert isinstance(value, dict)
    seen: set[str] = set()
    for spelling, item in value.items():
        place = f"{path}.{spelling}"
        name = _CAMEL.get(spelling)
        if name is None:
            raise Mismatch(place, "not a known field", kind="extra_forbidden")
        if name in seen:
            # No source states it. Which of the two values counts would be anybody's guess.
            raise Mismatch(place, f"another spelling of {name}, which is there too", kind="extra_forbidden")
        seen.add(name)
        nullable(KEYS[name].check)(place, item)


def in_camel_case(config: dict[str, Any]) -> dict[str, Any]:
    """A checked ``provider_config`` as answers spell it; what is null is left out."""
    return {_CAMEL[spelling]: value for spelling, value in config.items() if value is not None}
