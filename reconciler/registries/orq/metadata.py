"""The 111 keys of Orq's ModelMetadata, by the type that the API reference gives them.

Source: the reference page of `POST /v2/models`. Newer servers know more keys; a request with an unknown
key risks a 400 (`additionalProperties: false`), so only these are ever written by a manifest.
"""

from __future__ import annotations

from typing import Any, Final

from reconciler.money import PER_1M_SEARCHES, PER_1M_TOKENS, PER_IMAGE, PER_SECOND
from reconciler.registries.codecs import Codec, Flag, Money, Number, SetOf, Text, Tree, Whole

FLAGS: Final = tuple(
    """
    chain_of_thought generate_audio is_private is_realtime multilingual offline
    supports_adaptive_reasoning supports_audio_input supports_audio_output
    supports_b64_json_response_format supports_batch_api supports_cache_control supports_code_execution
    supports_commercial_use supports_computer_use supports_developer_message supports_direct_cost
    supports_distillation supports_extended_thinking supports_fine_tuning supports_image_edit
    supports_image_input supports_image_output supports_images supports_json_mode_response_format
    supports_json_schema_response_format supports_max_completion_tokens supports_openai_sdk
    supports_parallel_tool_calls supports_pdf_input supports_prompt_caching supports_reasoning
    supports_reasoning_effort_default supports_reasoning_effort_high supports_reasoning_effort_low
    supports_reasoning_effort_medium supports_reasoning_effort_minimal supports_reasoning_effort_none
    supports_reasoning_effort_xhigh supports_responses_api supports_sampling_params supports_streaming
    supports_strict_tool supports_structured_outputs supports_system_message supports_text
    supports_text_input supports_text_output supports_tool_calling supports_tool_choice
    supports_url_context supports_url_response_format supports_video_input supports_video_output
    supports_video_seed supports_vision supports_web_search supports_zdr thinking_enforced
    """.split()
)
WHOLE_NUMBERS: Final = tuple(
    """
    context_length context_window cost_efficiency_rating embedding_dimensions extended_context_threshold
    intelligence_rating max_images_per_request max_input_tokens max_output_tokens reasoning_tokens
    speed_rating
    """.split()
)
PER_MILLION_TOKENS: Final = tuple(
    f"million_tokens_{name}_cost"
    for name in """
    above_128k_cache_read above_128k_cache_write above_128k_input above_128k_output
    above_200k_cache_read above_200k_cache_write above_200k_input above_200k_output audio_input
    audio_output batches_input batches_output cache_read cache_write cache_write_1h cache_write_5m input
    output reasoning
    """.split()
)
NO_PUBLISHED_UNIT: Final = (
    "cached_image_input_cost",
    "cached_input_cost",
    "image_input_cost",
    "image_output_cost",
    "image_token_cost",
    "reasoning_cost",
)
TEXTS: Final = ("deprecation_date", "extended_context_pricing_mode", "knowledge_cutoff", "region")
TEXT_SETS: Final = (
    "allowed_passthrough_parameters",
    "supported_video_aspect_ratios",
    "supported_video_frame_images",
    "supported_video_resolutions",
    "supported_video_sizes",
)

_COST: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "cost": {"type": "number", "minimum": 0},
        "currency": {"type": "string"},
        "per": {"type": "integer", "minimum": 0},
        "unit": {"type": "string"},
    },
    # The reference page shows the keys; that all four are required, and `per` is an integer, comes from the
    # vendor's published client of the same weeks (orq-ai-sdk 4.12).
    "required": ["cost", "currency", "per", "unit"],
    "additionalProperties": False,
}
_COSTS: Final = dict.fromkeys(
    ("cache_read", "cache_write_1h", "cache_write_5m", "input", "output", "reasoning"), _COST
)
_PRICING: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        **_COSTS,
        "variants": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"when": {"type": "string"}, **_COSTS},
                "required": ["when"],
                "additionalProperties": False,
            },
        },
    },
    "additionalProperties": False,
}
_AUTOROUTER: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        name: {"type": "string"} for name in ("economical_model", "id", "profile", "strong_model", "version")
    },
    "additionalProperties": False,
}

KEYS: Final[dict[str, Codec]] = {
    **dict.fromkeys(FLAGS, Flag()),
    **dict.fromkeys(WHOLE_NUMBERS, Whole()),
    **dict.fromkeys(PER_MILLION_TOKENS, Money(PER_1M_TOKENS)),
    **dict.fromkeys(NO_PUBLISHED_UNIT, Number()),
    **dict.fromkeys(TEXTS, Text(empty_is_unset=True)),
    **dict.fromkeys(TEXT_SETS, SetOf(str)),
    "supported_video_durations": SetOf(int),
    "million_searches_cost": Money(PER_1M_SEARCHES),
    "cost_per_image": Money(PER_IMAGE),
    "per_video_second_cost": Money(PER_SECOND),
    "per_video_second_cost_1080p": Money(PER_SECOND),
    "autorouter": Tree(_AUTOROUTER, drop_empty=True),
    "pricing": Tree(_PRICING, drop_empty=True),
}
