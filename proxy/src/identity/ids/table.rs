//! The table of ids that backends issue: where each is issued in a response, and where clients use
//! it in a request. A row is all that a new kind of id needs; recognising and learning both read it.
//!
//! Sources: the API references of OpenAI (Responses, Conversations, Assistants, Files, Batches,
//! Vector stores, Uploads, Containers, Realtime), Anthropic (Message Batches, Files), Gemini (Interactions,
//! Files, Cached contents, Operations), Amazon Bedrock (Agents, AgentCore, Sessions) and LangGraph
//! Server; the specifications of A2A (0.3 and 1.0) and MCP (2024-11-05, 2025-06-18 and 2026-07-28).

/// A place of a request or a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A header field of this name.
    Header(&'static str),
    /// The segment after this one: in the path of a request, or in a response's `Location`.
    Path(&'static str),
    /// A parameter of the query, of a request or of a response's `Location`.
    Query(&'static str),
    /// A member of this name, at any depth of a JSON document: a text, or a list of texts.
    Member(&'static str),
    /// The second member, of an object that is the first one or stands in it as a list.
    Of(&'static str, &'static str),
    /// A member of the document itself, which is no JSON-RPC message.
    Top(&'static str),
    /// The second member, of an object that is the first member of the document itself or stands in
    /// it as a list.
    TopOf(&'static str, &'static str),
    /// A member whose text is a resource's name, like `files/abc` or a URL that ends in it. The name
    /// of its collection must be a [`Place::Path`] of the same row.
    Resource(&'static str),
}

/// A kind of id.
pub(super) struct Kind {
    /// For people who read a failed test.
    #[cfg_attr(not(test), expect(dead_code, reason = "names the row in the tests of the table"))]
    pub(super) name: &'static str,
    /// It stands for a conversation: without a pin it is a conversation of its own, and with one it
    /// decides before the id of anything that several conversations may share.
    pub(super) is_conversation: bool,
    pub(super) issued: &'static [Place],
    pub(super) used: &'static [Place],
}

use Place::{Header, Member, Of, Path, Query, Resource, Top, TopOf};

/// Every kind of id.
pub(super) static KINDS: &[Kind] = &[
    Kind {
        name: "OpenAI response",
        is_conversation: true,
        issued: &[Top("id"), Of("response", "id"), Of("data", "id")],
        used: &[
            Member("previous_response_id"),
            Member("response_id"),
            Path("responses"),
            Query("response_id"),
            Query("previous_response_id"),
        ],
    },
    // A client may send items of its own under ids that many use: they are no conversations.
    Kind {
        name: "OpenAI item of a response or conversation",
        is_conversation: false,
        issued: &[TopOf("output", "id"), TopOf("item", "id"), TopOf("data", "id")],
        used: &[TopOf("input", "id"), TopOf("item", "id"), Path("items"), Member("item_id")],
    },
    Kind {
        name: "OpenAI conversation",
        is_conversation: true,
        issued: &[Top("id"), Of("conversation", "id"), Member("conversation_id")],
        used: &[
            Member("conversation"),
            Of("conversation", "id"),
            Member("conversation_id"),
            Member("conversationId"),
            Path("conversations"),
            Query("conversation_id"),
        ],
    },
    Kind {
        name: "OpenAI Assistants and LangGraph thread",
        is_conversation: true,
        issued: &[
            Top("id"),
            Of("data", "id"),
            Member("thread_id"),
            // AG-UI
            Member("threadId"),
            Path("threads"),
        ],
        used: &[Path("threads"), Member("thread_id"), Member("threadId"), Query("thread_id")],
    },
    Kind {
        name: "OpenAI Assistants and LangGraph run",
        is_conversation: true,
        issued: &[Top("id"), Of("data", "id"), Member("run_id"), Path("runs")],
        used: &[Path("runs"), Member("run_id"), Query("run_id")],
    },
    Kind {
        name: "stored chat completion",
        is_conversation: false,
        issued: &[Top("id"), Of("data", "id")],
        used: &[Path("completions")],
    },
    Kind {
        name: "OpenAI and Anthropic file",
        is_conversation: false,
        issued: &[
            Top("id"),
            Of("data", "id"),
            Member("output_file_id"),
            Member("error_file_id"),
            Of("file", "id"),
        ],
        used: &[
            Path("files"),
            Member("file_id"),
            Member("file_ids"),
            Member("input_file_id"),
            Member("output_file_id"),
            Member("training_file"),
            Member("validation_file"),
            Query("file_id"),
        ],
    },
    Kind {
        name: "OpenAI and Anthropic batch",
        is_conversation: false,
        issued: &[Top("id"), Of("data", "id"), Member("batch_id")],
        used: &[Path("batches"), Member("batch_id"), Query("batch_id")],
    },
    Kind {
        name: "OpenAI vector store",
        is_conversation: false,
        issued: &[Top("id"), Of("data", "id")],
        used: &[
            Path("vector_stores"),
            Path("file_batches"),
            Member("vector_store_id"),
            Member("vector_store_ids"),
            Query("vector_store_id"),
        ],
    },
    Kind {
        name: "OpenAI upload, assistant, job, evaluation, video",
        is_conversation: false,
        issued: &[Top("id"), Of("data", "id")],
        used: &[
            Path("uploads"),
            Path("assistants"),
            Path("jobs"),
            Path("evals"),
            Path("videos"),
            Path("skills"),
            Member("assistant_id"),
        ],
    },
    Kind {
        name: "OpenAI and Anthropic container",
        is_conversation: false,
        issued: &[Top("id"), Of("data", "id"), Of("container", "id"), Member("container_id")],
        used: &[
            Path("containers"),
            Member("container"),
            Of("container", "id"),
            Member("container_id"),
        ],
    },
    Kind {
        name: "Gemini interaction",
        is_conversation: true,
        issued: &[Top("id"), Of("interaction", "id"), Member("interaction_id")],
        used: &[
            Path("interactions"),
            Member("previous_interaction_id"),
            Member("previousInteractionId"),
            Member("interaction_id"),
        ],
    },
    Kind {
        name: "Gemini file",
        is_conversation: false,
        issued: &[Resource("name"), Resource("uri")],
        used: &[
            Path("files"),
            Resource("fileUri"),
            Resource("file_uri"),
            Resource("uri"),
            Resource("name"),
        ],
    },
    Kind {
        name: "Gemini upload that can be resumed",
        is_conversation: false,
        issued: &[Query("upload_id")],
        used: &[Query("upload_id")],
    },
    Kind {
        name: "OpenAI Realtime call",
        is_conversation: true,
        issued: &[Path("calls")],
        used: &[Path("calls"), Query("call_id")],
    },
    Kind {
        name: "LangGraph cron",
        is_conversation: false,
        issued: &[Member("cron_id")],
        used: &[Path("crons"), Member("cron_id")],
    },
    Kind {
        name: "Gemini cached content",
        is_conversation: false,
        issued: &[Resource("name")],
        used: &[Path("cachedContents"), Resource("cachedContent"), Resource("cached_content")],
    },
    Kind {
        name: "Gemini operation, batch, store, tuned model",
        is_conversation: false,
        issued: &[Resource("name")],
        used: &[
            Path("operations"),
            // Azure's operations that make pictures.
            Path("images"),
            Path("batches"),
            Path("fileSearchStores"),
            Path("tunedModels"),
            Resource("fileSearchStoreNames"),
            Resource("file_search_store_names"),
            Resource("name"),
        ],
    },
    Kind {
        name: "A2A context",
        is_conversation: true,
        issued: &[Member("contextId"), Member("context_id")],
        used: &[Member("contextId"), Member("context_id"), Query("contextId"), Query("context_id")],
    },
    Kind {
        name: "A2A and MCP task",
        is_conversation: true,
        issued: &[
            Of("result", "id"),
            Of("task", "id"),
            Of("tasks", "id"),
            Top("id"),
            Member("taskId"),
            Member("task_id"),
        ],
        used: &[
            Of("params", "id"),
            Member("taskId"),
            Member("task_id"),
            Member("referenceTaskIds"),
            Member("reference_task_ids"),
            Path("tasks"),
            Query("taskId"),
            Query("task_id"),
        ],
    },
    Kind {
        name: "MCP session",
        is_conversation: true,
        issued: &[Header("mcp-session-id")],
        used: &[Header("mcp-session-id")],
    },
    Kind {
        name: "MCP session of the first transport, in an event `endpoint`",
        is_conversation: true,
        issued: &[Query("session_id"), Query("sessionId")],
        used: &[Query("session_id"), Query("sessionId")],
    },
    Kind {
        name: "MCP request state",
        is_conversation: true,
        issued: &[Member("requestState")],
        used: &[Member("requestState")],
    },
    Kind {
        name: "session of Bedrock and of OpenAI Realtime",
        is_conversation: true,
        issued: &[
            Header("x-amz-bedrock-agent-session-id"),
            Header("x-amzn-bedrock-agentcore-runtime-session-id"),
            Member("sessionId"),
            Member("session_id"),
            Of("session", "id"),
        ],
        used: &[
            Header("x-amzn-bedrock-agentcore-runtime-session-id"),
            Path("sessions"),
            Member("sessionId"),
            Member("session_id"),
            Member("runtimeSessionId"),
            Query("sessionId"),
            Query("session_id"),
        ],
    },
    Kind {
        name: "Bedrock flow execution and batch job",
        is_conversation: false,
        issued: &[Member("executionId"), Resource("executionArn"), Resource("jobArn")],
        used: &[
            Path("executions"),
            Path("execution"),
            Path("model-invocation-job"),
            // Before the plain member, which takes any text.
            Resource("executionIdentifier"),
            Member("executionIdentifier"),
        ],
    },
];

/// Segments that follow a collection's name and are no id.
pub(super) static NO_IDS: &[&str] = &[
    "batch",
    "batches",
    "cancel",
    "compact",
    "count",
    "crons",
    "edits",
    "generations",
    "images",
    "input_tokens",
    "jobs",
    "prune",
    "pushNotificationConfigs",
    "runs",
    "search",
    "stream",
    "upload",
    "variations",
    "wait",
];
