"""The metadata of an Orq model: 111 keys, of which only ``is_private`` is required.

Source: the API reference of ``POST /v2/models``. It shows every key and its JSON type; which numbers are
int64, which keys of nested objects are required and which arrays may be null comes from the vendor's
published client of the same weeks (orq-ai-sdk 4.12).
"""

from __future__ import annotations

from reconciler.embedded.shapes import Check, amount, array, closed_object, count, flag, nullable, text

_AUTOROUTER = closed_object(
    {}, dict.fromkeys(("economical_model", "id", "profile", "strong_model", "version"), text)
)

PRICE_KEYS = ("cost", "currency", "per", "unit")
"""All four are required in every price, of a request and of an answer."""

_PRICE = closed_object({"cost": amount, "currency": text, "per": count, "unit": text})
_PRICES: dict[str, Check] = dict.fromkeys(
    ("cache_read", "cache_write_1h", "cache_write_5m", "input", "output", "reasoning"), _PRICE
)
_VARIANT = closed_object({"when": text}, _PRICES)
_PRICING = closed_object({}, {**_PRICES, "variants": nullable(array(_VARIANT))})

_TEXTS = nullable(array(text))

METADATA: Check = closed_object(
    {"is_private": flag},
    {
        "allowed_passthrough_parameters": _TEXTS,
        "autorouter": _AUTOROUTER,
        "cached_image_input_cost": amount,
        "cached_input_cost": amount,
        "chain_of_thought": flag,
        "context_length": count,
        "context_window": count,
        "cost_efficiency_rating": count,
        "cost_per_image": amount,
        "deprecation_date": text,
        "embedding_dimensions": count,
        "extended_context_pricing_mode": text,
        "extended_context_threshold": count,
        "generate_audio": flag,
        "image_input_cost": amount,
        "image_output_cost": amount,
        "image_token_cost": amount,
        "intelligence_rating": count,
        "is_realtime": flag,
        "knowledge_cutoff": text,
        "max_images_per_request": count,
        "max_input_tokens": count,
        "max_output_tokens": count,
        "million_searches_cost": amount,
        "million_tokens_above_128k_cache_read_cost": amount,
        "million_tokens_above_128k_cache_write_cost": amount,
        "million_tokens_above_128k_input_cost": amount,
        "million_tokens_above_128k_output_cost": amount,
        "million_tokens_above_200k_cache_read_cost": amount,
        "million_tokens_above_200k_cache_write_cost": amount,
        "million_tokens_above_200k_input_cost": amount,
        "million_tokens_above_200k_output_cost": amount,
        "million_tokens_audio_input_cost": amount,
        "million_tokens_audio_output_cost": amount,
        "million_tokens_batches_input_cost": amount,
        "million_tokens_batches_output_cost": amount,
        "million_tokens_cache_read_cost": amount,
        "million_tokens_cache_write_1h_cost": amount,
        "million_tokens_cache_write_5m_cost": amount,
        "million_tokens_cache_write_cost": amount,
        "million_tokens_input_cost": amount,
        "million_tokens_output_cost": amount,
        "million_tokens_reasoning_cost": amount,
        "multilingual": flag,
        "offline": flag,
        "per_video_second_cost": amount,
        "per_video_second_cost_1080p": amount,
        "pricing": _PRICING,
        "reasoning_cost": amount,
        "reasoning_tokens": count,
        "region": text,
        "speed_rating": count,
        "supported_video_aspect_ratios": _TEXTS,
        "supported_video_durations": nullable(array(count)),
        "supported_video_frame_images": _TEXTS,
        "supported_video_resolutions": _TEXTS,
        "supported_video_sizes": _TEXTS,
        "supports_adaptive_reasoning": flag,
        "supports_audio_input": flag,
        "supports_audio_output": flag,
        "supports_b64_json_response_format": flag,
        "supports_batch_api": flag,
        "supports_cache_control": flag,
        "supports_code_execution": flag,
        "supports_commercial_use": flag,
        "supports_computer_use": flag,
        "supports_developer_message": flag,
        "supports_direct_cost": flag,
        "supports_distillation": flag,
        "supports_extended_thinking": flag,
        "supports_fine_tuning": flag,
        "supports_image_edit": flag,
        "supports_image_input": flag,
        "supports_image_output": flag,
        "supports_images": flag,
        "supports_json_mode_response_format": flag,
        "supports_json_schema_response_format": flag,
        "supports_max_completion_tokens": flag,
        "supports_openai_sdk": flag,
        "supports_parallel_tool_calls": flag,
        "supports_pdf_input": flag,
        "supports_prompt_caching": flag,
        "supports_reasoning": flag,
        "supports_reasoning_effort_default": flag,
        "supports_reasoning_effort_high": flag,
        "supports_reasoning_effort_low": flag,
        "supports_reasoning_effort_medium": flag,
        "supports_reasoning_effort_minimal": flag,
        "supports_reasoning_effort_none": flag,
        "supports_reasoning_effort_xhigh": flag,
        "supports_responses_api": flag,
        "supports_sampling_params": flag,
        "supports_streaming": flag,
        "supports_strict_tool": flag,
        "supports_structured_outputs": flag,
        "supports_system_message": flag,
        "supports_text": flag,
        "supports_text_input": flag,
        "supports_text_output": flag,
        "supports_tool_calling": flag,
        "supports_tool_choice": flag,
        "supports_url_context": flag,
        "supports_url_response_format": flag,
        "supports_video_input": flag,
        "supports_video_output": flag,
        "supports_video_seed": flag,
        "supports_vision": flag,
        "supports_web_search": flag,
        "supports_zdr": flag,
        "thinking_enforced": flag,
    },
)
"""The ``metadata`` of a create, and of an update, which replaces it whole."""
