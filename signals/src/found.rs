//! The relevant facts of one JSON document.

use crate::counts::{Count, Counts};
use crate::fingerprint::fingerprint;
use crate::node::{Leaf, Node, is_beside_errors};
use crate::text::Text;
use crate::tier::Tier;

/// Longest model name and response id kept.
pub(crate) const MAX_NAME: usize = 128;
/// Longest error code or type kept.
pub(crate) const MAX_CODE: usize = 48;

/// The names an error goes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ErrorNames {
    pub(crate) code: Text<MAX_CODE>,
    pub(crate) kind: Text<MAX_CODE>,
    pub(crate) status: Text<MAX_CODE>,
    /// A status code, or JSON-RPC's error code; 0 if there is none.
    pub(crate) number: i32,
    /// The fingerprint of its message; 0 if there is none.
    pub(crate) message: u32,
}

impl ErrorNames {
    const fn clear(&mut self) {
        self.code.clear();
        self.kind.clear();
        self.status.clear();
        self.number = 0;
        self.message = 0;
    }
}

/// The facts found in one document; in a body of several documents, the last ones found.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found {
    /// Of usage objects that are complete; half of one would be a wrong figure.
    pub(crate) counts: Counts,
    /// Of the usage object in progress.
    open_counts: Counts,
    pub(crate) model: Text<MAX_NAME>,
    pub(crate) id: Text<MAX_NAME>,
    pub(crate) kind: Text<MAX_CODE>,
    pub(crate) code: Text<MAX_CODE>,
    pub(crate) tier: Option<Tier>,
    /// The document says that something failed, by an error that is not null or by its state.
    pub(crate) has_error: bool,
    pub(crate) error: ErrorNames,
    /// The object the usage stood in, if there was one.
    pub(crate) usage_in: Option<Node>,
    /// The document is a piece of a chat completion, by its `object`.
    pub(crate) is_chat_piece: bool,
    /// The document has a `response` object.
    pub(crate) is_responses_event: bool,
    /// The answer is made later: it is queued or in progress.
    pub(crate) is_pending: bool,
    /// The document has a list of errors, which may be its content.
    lists_errors: bool,
    /// The document has members that no answer of errors alone has.
    has_content: bool,
    /// The document is about the end of a workflow of Dify, whose steps may fail; about something else; or says nothing.
    ends_workflow: Option<bool>,
    has_run: bool,
    /// What `data` is about failed.
    data_failed: bool,
    /// A modality, a life, or a tool call in progress, and its tokens.
    item: Item,
}

/// An element of a list in progress.
#[derive(Clone, Copy, Debug, Default)]
struct Item {
    which: Which,
    tokens: u64,
    /// A search engine's page was opened: that is no search.
    is_page: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Which {
    #[default]
    Nothing,
    Audio,
    Image,
    Video,
    FiveMinutes,
    Hour,
    WebSearch,
    FileSearch,
    CodeRun,
}

impl Which {
    /// A modality or the life of a cache write.
    fn of(text: &str) -> Self {
        let is = |name: &str| text.eq_ignore_ascii_case(name);
        match text {
            _ if is("audio") => Self::Audio,
            _ if is("image") || is("document") => Self::Image,
            _ if is("video") => Self::Video,
            _ if is("5m") => Self::FiveMinutes,
            _ if is("1h") => Self::Hour,
            _ => Self::Nothing,
        }
    }

    /// A tool call in the output of a response.
    fn call(kind: &str) -> Self {
        match kind {
            "web_search_call" => Self::WebSearch,
            "file_search_call" => Self::FileSearch,
            "code_interpreter_call" => Self::CodeRun,
            _ => Self::Nothing,
        }
    }

    const fn count(self, list: Node) -> Option<Count> {
        Some(match (list, self) {
            (Node::InputModality, Self::Audio) => Count::AudioIn,
            (Node::InputModality, Self::Image) => Count::ImageIn,
            (Node::InputModality, Self::Video) => Count::VideoIn,
            (Node::CachedModality, Self::Audio) => Count::AudioCached,
            (Node::CachedModality, Self::Image) => Count::ImageCached,
            (Node::CachedModality, Self::Video) => Count::VideoCached,
            (Node::OutputModality, Self::Audio) => Count::AudioOut,
            (Node::OutputModality, Self::Image) => Count::ImageOut,
            (Node::OutputModality, Self::Video) => Count::VideoOut,
            (Node::CacheDetail, Self::FiveMinutes) => Count::Written5m,
            (Node::CacheDetail, Self::Hour) => Count::Written1h,
            _ => return None,
        })
    }
}

impl Found {
    /// Forgets everything; cheap, since only lengths and flags are reset.
    pub(crate) const fn clear(&mut self) {
        self.counts.clear();
        self.open_counts.clear();
        self.model.clear();
        self.id.clear();
        self.kind.clear();
        self.code.clear();
        self.tier = None;
        self.has_error = false;
        self.error.clear();
        self.usage_in = None;
        self.is_chat_piece = false;
        self.is_responses_event = false;
        self.is_pending = false;
        self.lists_errors = false;
        self.has_content = false;
        self.ends_workflow = None;
        self.has_run = false;
        self.data_failed = false;
    }

    /// A member of the document itself.
    pub(crate) fn has_member(&mut self, key: &[u8]) {
        self.has_content = self.has_content || !is_beside_errors(key);
    }

    /// Returns true if the document reports a failure.
    pub(crate) fn fails(&self) -> bool {
        self.has_error || is_failing_kind(self.kind.bytes())
    }

    /// An object of interest begins in `parent`.
    pub(crate) const fn entered(&mut self, node: Node, parent: Node) {
        match node {
            Node::Error => self.has_error = true,
            Node::Listed => self.lists_errors = true,
            Node::Response => self.is_responses_event = true,
            Node::Usage | Node::UsageMetadata => {
                self.open_counts.clear();
                let is_gemini = matches!(node, Node::UsageMetadata);
                self.usage_in = Some(if is_gemini { node } else { parent });
            }
            Node::InputModality
            | Node::CachedModality
            | Node::OutputModality
            | Node::CacheDetail
            | Node::Item => {
                self.item = Item { which: Which::Nothing, tokens: 0, is_page: false };
            }
            _ => {}
        }
    }

    /// An object of interest is over.
    pub(crate) const fn left(&mut self, node: Node) {
        match node {
            // Only a whole one is the answer's own: a part of an answer may say anything.
            Node::Usage if self.is_of_choice() && !self.open_counts.is_whole() => {
                self.open_counts.clear();
            }
            Node::Usage | Node::UsageMetadata => self.counts.update(&self.open_counts),
            // Counts that stand in the document itself.
            Node::Root => {
                self.counts.update(&self.open_counts);
                self.open_counts.clear();
                self.has_error = self.has_error || (self.lists_errors && !self.has_content);
                (self.lists_errors, self.has_content) = (false, false);
                self.left_workflow();
            }
            Node::Item => self.left_item(),
            _ => {
                if let Some(count) = self.item.which.count(node) {
                    self.open_counts.add(count, self.item.tokens);
                }
            }
        }
    }

    /// A workflow's own end tells of the answer, the ends of its steps do not.
    const fn left_workflow(&mut self) {
        let ends = match self.ends_workflow {
            Some(ends) => ends,
            None => self.has_run,
        };
        self.has_error = self.has_error || (ends && self.data_failed);
        (self.ends_workflow, self.has_run, self.data_failed) = (None, false, false);
    }

    const fn is_of_choice(&self) -> bool {
        matches!(self.usage_in, Some(Node::Choice))
    }

    const fn left_item(&mut self) {
        match self.item.which {
            Which::WebSearch if !self.item.is_page => self.counts.add(Count::WebSearches, 1),
            Which::FileSearch => self.counts.add(Count::FileSearches, 1),
            Which::CodeRun => self.counts.add(Count::CodeRuns, 1),
            _ => {}
        }
    }

    pub(crate) fn text(&mut self, leaf: Leaf, text: &str) {
        match leaf {
            // Some events name the model late, with an empty name before.
            Leaf::Model if self.model.is_empty() => self.model.set(text),
            Leaf::Model => {}
            Leaf::Id => self.id.set(text),
            Leaf::Kind => self.kind.set(text),
            Leaf::Event => {
                self.ends_workflow = Some(text == "workflow_finished");
                self.failed_if(is_failing_kind(text.as_bytes()), text);
            }
            Leaf::Run => self.has_run = !text.is_empty(),
            Leaf::DataStatus => self.data_failed = text == "failed",
            Leaf::Code => self.code.set(text),
            Leaf::Tier => self.tier = Tier::of(text).or(self.tier),
            Leaf::Status => self.status(text),
            Leaf::State => self.failed_if(
                matches!(text, "failed" | "rejected" | "TASK_STATE_FAILED" | "TASK_STATE_REJECTED"),
                text,
            ),
            Leaf::Reason => self.incomplete(text),
            Leaf::Blocked => {
                self.failed_if(!matches!(text, "" | "BLOCK_REASON_UNSPECIFIED"), text);
            }
            Leaf::Finish => self.failed_if(
                !matches!(text, "" | "STOP" | "MAX_TOKENS" | "FINISH_REASON_UNSPECIFIED"),
                text,
            ),
            Leaf::FinishWord => self.failed_if(is_failed_end(text), text),
            Leaf::ObjectKind => {
                self.is_chat_piece = text == "chat.completion.chunk";
                self.failed_if(text == "error", text);
            }
            Leaf::Error if is_no_error(text) => {}
            // The document may be about errors: only its shape tells.
            Leaf::ErrorCode if self.lists_errors => {
                self.error.code.set(text);
                self.numeric(leaf, text);
            }
            Leaf::Error | Leaf::ErrorCode => {
                self.has_error |= !text.is_empty();
                self.error.code.set(text);
                self.numeric(leaf, text);
            }
            Leaf::ErrorKind => self.error.kind.set(text),
            Leaf::ErrorStatus => self.error.status.set(text),
            Leaf::ErrorMessage => self.message(text.as_bytes()),
            Leaf::ItemKind => self.item.which = Which::call(text),
            Leaf::ActionKind => self.item.is_page = text != "search",
            Leaf::Which => self.item.which = Which::of(text),
            Leaf::IsError | Leaf::Tokens | Leaf::Count(_) => self.numeric(leaf, text),
        }
    }

    /// The words of an error, or their beginning.
    pub(crate) fn message(&mut self, text: &[u8]) {
        self.error.message = fingerprint(text);
    }

    /// A number in quotes.
    fn numeric(&mut self, leaf: Leaf, text: &str) {
        if let Some(number) = whole_number(text.trim()) {
            self.number(leaf, number);
        }
    }

    pub(crate) fn number(&mut self, leaf: Leaf, number: i64) {
        let Ok(count) = u64::try_from(number) else {
            if matches!(leaf, Leaf::Code | Leaf::ErrorCode) {
                self.error.number = i32::try_from(number).unwrap_or(0);
            }
            return;
        };
        match leaf {
            Leaf::Count(which) => self.open_counts.set(which, count),
            Leaf::Tokens => self.item.tokens = count,
            Leaf::Code | Leaf::Error | Leaf::ErrorCode | Leaf::ErrorStatus => {
                self.has_error |= leaf == Leaf::Error && count != 0;
                self.error.number = i32::try_from(count).unwrap_or(0);
            }
            _ => {}
        }
    }

    /// A value that is `true`.
    pub(crate) fn truth(&mut self, leaf: Leaf) {
        match leaf {
            Leaf::Error => self.has_error = true,
            Leaf::IsError => self.failed_if(true, "isError"),
            _ => {}
        }
    }

    /// An answer's status. The last one counts: a body may hold several documents.
    fn status(&mut self, status: &str) {
        self.is_pending = matches!(status, "queued" | "in_progress");
        self.failed_if(matches!(status, "failed" | "error" | "expired" | "rejected"), status);
    }

    /// An incomplete answer failed, unless it reached a limit that the client or the model sets.
    fn incomplete(&mut self, reason: &str) {
        let limit = matches!(reason, "" | "max_output_tokens" | "max_tokens" | "length");
        self.failed_if(!limit, reason);
    }

    fn failed_if(&mut self, failed: bool, name: &str) {
        if failed {
            self.has_error = true;
            // That something failed names nothing.
            let is_name = ["failed", "error"].iter().all(|it| !name.eq_ignore_ascii_case(it));
            if self.error.kind.is_empty() && is_name {
                self.error.kind.set(name);
            }
        }
    }
}

/// Returns true if a document or event of this name reports a failure.
pub(crate) fn is_failing_kind(kind: &[u8]) -> bool {
    matches!(
        kind,
        b"error"
            | b"response.failed"
            | b"interaction.failed"
            | b"thread.run.failed"
            | b"thread.run.expired"
            | b"RUN_ERROR"
            | b"conversation.response.error"
    )
}

/// Returns true if an answer that ends for this reason failed: by an error, by a filter, or with a call of a tool
/// that is none. A limit of the client or the model is no failure. Words of OpenAI and its imitators (DeepSeek, Z.ai,
/// SGLang), Anthropic, Bedrock and Cohere.
fn is_failed_end(reason: &str) -> bool {
    reason.starts_with("ERROR")
        || matches!(
            reason,
            "error"
                | "network_error"
                | "insufficient_system_resource"
                | "abort"
                | "content_filter"
                | "sensitive"
                | "refusal"
                | "guardrail_intervened"
                | "content_filtered"
                | "malformed_model_output"
                | "malformed_tool_use"
        )
}

/// Returns true if a textual `error` value means that there is no error.
fn is_no_error(text: &str) -> bool {
    let is = |name: &str| text.trim().eq_ignore_ascii_case(name);
    ["", "none", "null", "false", "ok", "0", "success"].iter().any(|name| is(name))
}

/// A whole number as any language prints it: `12`, `12.0`, `1.2e1`.
pub(crate) fn whole_number(text: &str) -> Option<i64> {
    text.parse::<i64>().ok().or_else(|| {
        let float: f64 = serde_json::from_str(text).ok()?;
        ((-1e15..1e15).contains(&float) && float.fract() == 0.0).then_some(float as i64)
    })
}
