//! The members of documents that matter: under which keys the protocols say what.

use crate::counts::Count;

/// An object whose members matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// The document.
    Root,
    /// `response` of a Responses event, `interaction` of an Interactions event.
    Response,
    /// `message` of Anthropic's `message_start`.
    Message,
    /// `usage`.
    Usage,
    /// `usageMetadata` (Gemini): a running total.
    UsageMetadata,
    /// `prompt_tokens_details`, `input_tokens_details`.
    InputDetails,
    /// `completion_tokens_details`, `output_tokens_details`.
    OutputDetails,
    /// `cached_tokens_details` in the details (Realtime).
    CachedDetails,
    /// `cache_creation` (Anthropic): writes by life.
    CacheCreation,
    /// One of `cacheDetails` (Bedrock): writes by life.
    CacheDetail,
    /// `server_tool_use` (Anthropic), `server_side_tool_usage_details` (xAI).
    ServerTools,
    /// One of `promptTokensDetails` (Gemini): a modality and its tokens.
    InputModality,
    /// One of `cacheTokensDetails`.
    CachedModality,
    /// One of `candidatesTokensDetails`.
    OutputModality,
    /// `error`.
    Error,
    /// `incomplete_details`.
    Incomplete,
    /// `serviceTier` (Bedrock).
    Tier,
    /// One of `output` of a response.
    Item,
    /// `action` of a tool call in `output`.
    Action,
    /// One of `candidates` (Gemini).
    Candidate,
    /// One of `results` (Titan, watsonx).
    Generated,
    /// One of `choices` (OpenAI chat): an error in the middle of an answer (OpenRouter), or the usage
    /// (Moonshot).
    Choice,
    /// `delta` of an event (Cohere): the usage of a stream, or its error.
    Delta,
    /// `x_groq` (Groq): the usage of a stream, or its error.
    Extension,
    /// `promptFeedback` (Gemini).
    Feedback,
    /// What stands beside an answer: `metadata` (Dify), `meta` (Cohere). Clients may have a say in it.
    Beside,
    /// `response_metadata` (LangChain): the model.
    Origin,
    /// `data` of an event of Dify: a workflow's end.
    Data,
    /// One of `errors` (GraphQL, JSON:API).
    Listed,
    /// `extensions` of one of `errors` (GraphQL).
    Extensions,
    /// `result` of JSON-RPC: of MCP or A2A.
    Result,
    /// `task`, `statusUpdate` (A2A).
    Task,
    /// `status` of a task.
    Status,
}

/// A single value that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaf {
    Model,
    Id,
    Kind,
    /// The name of an event, in the event itself.
    Event,
    Code,
    Tier,
    /// `status` of an answer.
    Status,
    /// `state` of a task.
    State,
    /// `status` of what an event of Dify tells.
    DataStatus,
    /// A workflow's run, in an answer of Dify.
    Run,
    /// The reason why a response is incomplete.
    Reason,
    /// `isError` (MCP).
    IsError,
    /// `blockReason` (Gemini).
    Blocked,
    /// `finishReason` (Gemini).
    Finish,
    /// `finish_reason` of a choice, or of an answer; `stop_reason` (Anthropic), `stopReason` (Bedrock).
    FinishWord,
    /// `object` of an answer.
    ObjectKind,
    /// An error that is no object.
    Error,
    ErrorKind,
    ErrorCode,
    ErrorStatus,
    /// The words of an error.
    ErrorMessage,
    ItemKind,
    ActionKind,
    /// A modality or the life of a cache write.
    Which,
    /// Tokens of a modality or life.
    Tokens,
    Count(Count),
}

/// The meaning of an object's member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Member {
    /// An object that matters.
    Object(Node),
    /// An array of objects that matter.
    List(Node),
    /// An object that matters, or a single value.
    Either(Node, Leaf),
    Value(Leaf),
    Nothing,
}

impl Node {
    /// Returns the meaning of the member `key` in this object.
    pub(crate) fn member(self, key: &[u8]) -> Member {
        match self {
            Self::Root => root(key),
            Self::Response | Self::Message => answer(self, key),
            Self::Usage => usage(key),
            Self::UsageMetadata => usage_metadata(key),
            _ => small(self, key),
        }
    }
}

const fn count(count: Count) -> Member {
    Member::Value(Leaf::Count(count))
}

fn root(key: &[u8]) -> Member {
    use Member::{Either, List, Object, Value};
    match key {
        b"response" | b"interaction" => Object(Node::Response),
        b"message" => Object(Node::Message),
        b"type" | b"event_type" => Value(Leaf::Kind),
        // Dify's events.
        b"event" => Value(Leaf::Event),
        b"code" => Value(Leaf::Code),
        // In snake case from the Python SDKs of Google, and from LangChain.
        b"usageMetadata" | b"usage_metadata" => Object(Node::UsageMetadata),
        b"meta" | b"metadata" => Object(Node::Beside),
        b"response_metadata" => Object(Node::Origin),
        b"data" => Object(Node::Data),
        b"workflow_run_id" => Value(Leaf::Run),
        // The latter two: watsonx, AWS.
        b"modelVersion" | b"model_version" | b"model_id" | b"modelId" => Value(Leaf::Model),
        b"responseId" => Value(Leaf::Id),
        b"serviceTier" => Either(Node::Tier, Leaf::Tier),
        b"candidates" => List(Node::Candidate),
        b"choices" => List(Node::Choice),
        b"delta" => Object(Node::Delta),
        b"finish_reason" => Value(Leaf::FinishWord),
        // Google's agents (ADK).
        b"errorCode" | b"error_code" => Value(Leaf::Error),
        b"x_groq" => Object(Node::Extension),
        // Ollama says it beside everything else, Bedrock in the last chunk of any model.
        b"prompt_eval_count" => count(Count::Input),
        b"eval_count" => count(Count::Output),
        // Bedrock's models in their own forms: Llama, Titan.
        b"prompt_token_count" | b"inputTextTokenCount" => count(Count::Input),
        b"generation_token_count" => count(Count::Output),
        // llama.cpp
        b"tokens_evaluated" => count(Count::Input),
        b"tokens_predicted" => count(Count::Output),
        b"results" => List(Node::Generated),
        b"amazon-bedrock-invocationMetrics" => Object(Node::Usage),
        b"promptFeedback" => Object(Node::Feedback),
        b"errors" => List(Node::Listed),
        b"object" => Value(Leaf::ObjectKind),
        b"stopReason" => Value(Leaf::FinishWord),
        b"result" => Object(Node::Result),
        b"task" | b"statusUpdate" => Object(Node::Task),
        b"__error__" | b"last_error" => Either(Node::Error, Leaf::Error),
        _ => answer(Node::Root, key),
    }
}

/// The members of an answer, as a document of its own or inside an event.
fn answer(node: Node, key: &[u8]) -> Member {
    use Member::{Either, List, Nothing, Object, Value};
    match key {
        b"model" => Value(Leaf::Model),
        b"id" => Value(Leaf::Id),
        b"usage" => Object(Node::Usage),
        b"service_tier" => Value(Leaf::Tier),
        b"stop_reason" => Value(Leaf::FinishWord),
        b"meta" if node == Node::Response => Object(Node::Beside),
        _ if node == Node::Message => Nothing,
        b"error" => Either(Node::Error, Leaf::Error),
        b"status" => Either(Node::Status, Leaf::Status),
        b"incomplete_details" => Object(Node::Incomplete),
        b"output" => List(Node::Item),
        _ => Nothing,
    }
}

fn usage(key: &[u8]) -> Member {
    use Member::{List, Nothing, Object, Value};
    match key {
        // In camel case from the AI SDK of Vercel, here and below.
        b"prompt_tokens" | b"total_input_tokens" | b"promptTokens" => count(Count::Prompt),
        b"input_tokens" => count(Count::Input),
        b"inputTokens" => count(Count::InputAlone),
        b"inputTokenCount" => count(Count::Input),
        b"outputTokenCount" => count(Count::Output),
        b"cacheReadInputTokenCount" => count(Count::CacheRead),
        b"cacheWriteInputTokenCount" => count(Count::CacheWrite),
        // Cohere: what is billed.
        b"billed_units" => Object(Node::Usage),
        b"completion_tokens"
        | b"output_tokens"
        | b"outputTokens"
        | b"completionTokens"
        | b"total_output_tokens" => count(Count::Output),
        b"total_tokens" | b"totalTokens" => count(Count::Total),
        b"cache_read_input_tokens" | b"cacheReadInputTokens" => count(Count::CacheRead),
        b"cache_creation_input_tokens" | b"cacheWriteInputTokens" => count(Count::CacheWrite),
        b"cached_tokens"
        | b"total_cached_tokens"
        | b"prompt_cache_hit_tokens"
        | b"cached_prompt_text_tokens"
        | b"cachedInputTokens"
        // pydantic-ai
        | b"cache_read_tokens" => count(Count::CachedPart),
        b"cache_write_tokens" => count(Count::WrittenPart),
        b"total_thought_tokens" => count(Count::Thoughts),
        b"total_tool_use_tokens" => count(Count::ToolPrompt),
        b"reasoning_tokens" => count(Count::ReasoningAlone),
        b"reasoningTokens" => count(Count::ReasoningPart),
        b"citation_tokens" => count(Count::Citation),
        b"num_search_queries" => count(Count::WebSearches),
        b"prompt_tokens_details"
        | b"input_tokens_details"
        | b"input_token_details"
        | b"inputTokenDetails" => Object(Node::InputDetails),
        b"completion_tokens_details"
        | b"output_tokens_details"
        | b"output_token_details"
        | b"outputTokenDetails" => Object(Node::OutputDetails),
        b"cache_creation" => Object(Node::CacheCreation),
        b"cacheDetails" => List(Node::CacheDetail),
        b"server_tool_use" | b"server_side_tool_usage_details" => Object(Node::ServerTools),
        b"input_tokens_by_modality" => List(Node::InputModality),
        b"cached_tokens_by_modality" => List(Node::CachedModality),
        b"output_tokens_by_modality" => List(Node::OutputModality),
        b"service_tier" | b"serviceTier" => Value(Leaf::Tier),
        _ => Nothing,
    }
}

fn usage_metadata(key: &[u8]) -> Member {
    use Member::{List, Nothing, Value};
    match key {
        b"promptTokenCount" | b"prompt_token_count" => count(Count::Prompt),
        b"candidatesTokenCount"
        | b"responseTokenCount"
        | b"candidates_token_count"
        | b"response_token_count" => count(Count::Output),
        b"cachedContentTokenCount" | b"cached_content_token_count" => count(Count::CachedPart),
        b"thoughtsTokenCount" | b"thoughts_token_count" => count(Count::Thoughts),
        b"toolUsePromptTokenCount" | b"tool_use_prompt_token_count" => count(Count::ToolPrompt),
        b"totalTokenCount" | b"total_token_count" => count(Count::Total),
        b"promptTokensDetails"
        | b"toolUsePromptTokensDetails"
        | b"prompt_tokens_details"
        | b"tool_use_prompt_tokens_details" => List(Node::InputModality),
        b"cacheTokensDetails" | b"cache_tokens_details" => List(Node::CachedModality),
        b"candidatesTokensDetails"
        | b"responseTokensDetails"
        | b"candidates_tokens_details"
        | b"response_tokens_details" => List(Node::OutputModality),
        b"trafficType" | b"serviceTier" | b"traffic_type" => Value(Leaf::Tier),
        // LangChain: cached input is a part of the input.
        b"input_tokens" => count(Count::Prompt),
        b"output_tokens" => count(Count::Output),
        b"total_tokens" => count(Count::Total),
        b"input_token_details" => Member::Object(Node::InputDetails),
        b"output_token_details" => Member::Object(Node::OutputDetails),
        _ => Nothing,
    }
}

fn small(node: Node, key: &[u8]) -> Member {
    use Member::{Either, Nothing, Object, Value};
    use Node::{
        Action, Beside, CacheCreation, CacheDetail, CachedDetails, CachedModality, Candidate,
        Choice, Data, Delta, Error, Extension, Extensions, Feedback, Generated, Incomplete,
        InputDetails, InputModality, Item, Listed, Origin, OutputDetails, OutputModality, Result,
        ServerTools, Status, Task, Tier,
    };
    match (node, key) {
        (
            InputDetails,
            b"cached_tokens" | b"cache_read_input_tokens" | b"cacheReadTokens" | b"cache_read",
        ) => count(Count::CachedPart),
        // LiteLLM, DashScope.
        (
            InputDetails,
            b"cache_write_tokens"
            | b"cacheWriteTokens"
            | b"cache_creation_tokens"
            | b"cache_creation_input_tokens",
        ) => count(Count::WrittenPart),
        // DashScope has an object there, LangChain a number.
        (InputDetails, b"cache_creation") => Either(CacheCreation, Leaf::Count(Count::WrittenPart)),
        (InputDetails, b"cache_creation_token_details") => Object(CacheCreation),
        (InputDetails, b"audio_tokens" | b"audio") => count(Count::AudioIn),
        (InputDetails, b"image_tokens") => count(Count::ImageIn),
        (InputDetails, b"video_tokens") => count(Count::VideoIn),
        (InputDetails, b"cached_tokens_details") => Object(CachedDetails),
        (CachedDetails, b"audio_tokens") => count(Count::AudioCached),
        (CachedDetails, b"image_tokens") => count(Count::ImageCached),
        (
            OutputDetails,
            b"reasoning_tokens" | b"thinking_tokens" | b"reasoningTokens" | b"reasoning",
        ) => count(Count::ReasoningPart),
        (OutputDetails, b"audio_tokens" | b"audio") => count(Count::AudioOut),
        (OutputDetails, b"image_tokens") => count(Count::ImageOut),
        (OutputDetails, b"video_tokens") => count(Count::VideoOut),
        (CacheCreation, b"ephemeral_5m_input_tokens") => count(Count::Written5m),
        (CacheCreation, b"ephemeral_1h_input_tokens") => count(Count::Written1h),
        (ServerTools, b"web_search_requests" | b"web_search_calls") => count(Count::WebSearches),
        (ServerTools, b"x_search_calls") => count(Count::SocialSearches),
        (ServerTools, b"file_search_calls") => count(Count::FileSearches),
        (ServerTools, b"code_execution_requests" | b"code_interpreter_calls") => {
            count(Count::CodeRuns)
        }
        (CacheDetail, b"ttl") | (InputModality | CachedModality | OutputModality, b"modality") => {
            Value(Leaf::Which)
        }
        (CacheDetail, b"inputTokens")
        | (
            InputModality | CachedModality | OutputModality,
            b"tokenCount" | b"tokens" | b"token_count",
        ) => Value(Leaf::Tokens),
        (Error, b"type") => Value(Leaf::ErrorKind),
        (Error, b"code") => Value(Leaf::ErrorCode),
        (Error, b"status") => Value(Leaf::ErrorStatus),
        (Error, b"message") => Value(Leaf::ErrorMessage),
        (Incomplete, b"reason") => Value(Leaf::Reason),
        (Tier, b"type") => Value(Leaf::Tier),
        (Item, b"type") => Value(Leaf::ItemKind),
        (Item, b"action") => Object(Action),
        (Action, b"type") => Value(Leaf::ActionKind),
        (Candidate, b"finishReason") => Value(Leaf::Finish),
        (Choice | Delta, b"finish_reason") | (Delta, b"stop_reason") => Value(Leaf::FinishWord),
        (Listed, b"extensions") => Object(Extensions),
        (Listed, b"status" | b"code") | (Extensions, b"code") => Value(Leaf::ErrorCode),
        (Choice | Delta | Extension, b"error") => Either(Error, Leaf::Error),
        // Of Cloudflare's Workers AI: `result`.
        (Choice | Delta | Extension | Result | Beside, b"usage") => Object(Node::Usage),
        (Beside, b"billed_units") => Object(Node::Usage),
        (Origin, b"model" | b"model_name") => Value(Leaf::Model),
        (Data, b"status") => Value(Leaf::DataStatus),
        (Generated, b"tokenCount" | b"generated_token_count") => count(Count::Output),
        (Generated, b"input_token_count") => count(Count::Input),
        (Feedback, b"blockReason") => Value(Leaf::Blocked),
        (Result, b"isError") => Value(Leaf::IsError),
        (Result, b"task" | b"statusUpdate") => Object(Task),
        (Result | Task, b"status") => Either(Status, Leaf::Status),
        (Status, b"state") => Value(Leaf::State),
        _ => Nothing,
    }
}

/// Returns true for a member that an answer of errors alone may have beside them: GraphQL (October 2021, 7.1),
/// JSON:API (1.1, "Top Level"), Cloudflare's API.
pub(crate) fn is_beside_errors(key: &[u8]) -> bool {
    matches!(
        key,
        b"errors"
            | b"data"
            | b"extensions"
            | b"hasNext"
            | b"incremental"
            | b"path"
            | b"label"
            | b"meta"
            | b"links"
            | b"jsonapi"
            | b"success"
            | b"messages"
            | b"result"
    )
}
