//! What can go wrong inside a script, as data: which module, which export, which views, where in
//! the author's source.

use crate::limits::{FAILURE_ITEMS, MESSAGE_BYTES};
use crate::manifest::Export;
use std::fmt;
use wasmtime::{Trap, WasmBacktrace};

/// Before the index of a function that has no name.
const NAMELESS: &str = "function ";

/// One failure of one script call. The views named by `items` were answered with the fallback;
/// all others of the batch were served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptFailure {
    /// `combat@0.1.0+1a2b3c4d`.
    pub module: String,
    /// The function that failed.
    pub export: Export,
    /// Tick of the call.
    pub tick: u64,
    /// What happened.
    pub kind: FailureKind,
    /// Ids of the views that got the fallback, at most 16. Empty when the batch failed as a whole
    /// but all its parts were served.
    pub items: Vec<u64>,
    /// Number of those views.
    pub item_count: u32,
    /// Whether each of the views failed by itself; otherwise the search for the culprits ended at
    /// its limit and innocent ones may be among them.
    pub isolated: bool,
    /// The first of them as it was asked, if it failed by itself.
    pub view: Option<String>,
}

/// How a script failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FailureKind {
    /// A panic, a division by zero, an access outside its memory, a stack overflow.
    #[error("trapped: {message}{}", Stack(frames))]
    Trap {
        /// What happened.
        message: String,
        /// Where, innermost first.
        frames: Vec<Frame>,
    },
    /// It did more than its fuel allows: an endless loop, or too much work per view.
    #[error("ran out of fuel{}; shorten its loops or raise limits.fuel_per_item", Stack(frames))]
    OutOfFuel {
        /// Where it was at that moment, innermost first.
        frames: Vec<Frame>,
    },
    /// It ran longer than the wall-clock backstop allows.
    #[error(
        "ran past its deadline{}; let it do less in a call, or look at the machine: `lore top`",
        Stack(frames)
    )]
    Deadline {
        /// Where it was at that moment, innermost first.
        frames: Vec<Frame>,
    },
    /// It was not asked, because it had used up its share of the tick before.
    #[error(
        "has used {used} fuel of the {share} that are its share of a tick; make its views cheaper or fewer, or raise limits.tick_share_percent"
    )]
    OverShare {
        /// Fuel used in this tick.
        used: u64,
        /// Fuel it may use in a tick.
        share: u64,
    },
    /// It asked for more memory than it may have, then trapped.
    #[error(
        "ran out of memory: asked for {asked} bytes, {limit} are allowed{}; free what it keeps or raise limits.memory_bytes",
        Stack(frames)
    )]
    OutOfMemory {
        /// Size its memory would have had, bytes.
        asked: u64,
        /// The limit, bytes.
        limit: u64,
        /// Where it trapped then, innermost first.
        frames: Vec<Frame>,
    },
    /// It wrote far more to the log than anybody could read.
    #[error("flooded the log: {lines} lines of {bytes} bytes in one call{}; write less", Stack(frames))]
    LogFlood {
        /// Lines written until it was stopped.
        lines: u64,
        /// Bytes of all of them.
        bytes: u64,
        /// Where it was then, innermost first.
        frames: Vec<Frame>,
    },
    /// It returned, but not an answer to what was asked.
    #[error("answered badly: {0}")]
    BadOutput(BadOutput),
    /// No new instance could be made after an earlier failure.
    #[error("could not be instantiated again: {message}; look at the memory of the machine")]
    Instantiate {
        /// Why.
        message: String,
    },
    /// The generation has no module that could answer.
    #[error("no module of this name is live; push the script that the content names")]
    NoModule,
    /// The module is limited to other zones.
    #[error(
        "its scope is other zones than this one; add the zone to `zones` in its lore.toml, or give the NPC another script"
    )]
    OutOfScope,
}

/// What the log answers to a script that floods it; ends the call.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the log was flooded")]
pub(crate) struct LogFlood {
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
}

/// How an answer can be wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadOutput {
    /// Not exactly one decision per view.
    #[error("{answers} decisions for {views} views; decide about each view once, in their order")]
    Length {
        /// Views asked about.
        views: usize,
        /// Decisions returned.
        answers: usize,
    },
    /// The decision at this place repeats another id than the view at this place.
    #[error("a decision for {answered} where {asked} was asked about; copy `id` from the view in its place")]
    Id {
        /// Id of the view.
        asked: u64,
        /// Id of the decision.
        answered: u64,
    },
    /// A list inside one decision does not have the length it must have.
    #[error("{len} {what}, {expected} expected")]
    List {
        /// Which list.
        what: &'static str,
        /// Its length.
        len: usize,
        /// In words: `3` or `at most 8`.
        expected: String,
    },
    /// A number inside one decision is outside its range.
    #[error("{what} is {value}, {expected} expected")]
    Number {
        /// Which number.
        what: &'static str,
        /// Its value.
        value: i64,
        /// In words.
        expected: &'static str,
    },
    /// The answer asks the host to remember something, for a script that said it needs no memory.
    #[error(
        "it remembers something, but its scope is `stateless`; leave `memory` at 0 and set no flags, or change its scope"
    )]
    Remembers,
    /// A text inside one decision is none that may be said.
    #[error("{what} of {len} bytes, {expected} expected")]
    Text {
        /// Which text.
        what: &'static str,
        /// Its length.
        len: usize,
        /// In words.
        expected: &'static str,
    },
    /// The answer breaks the binary interface: an unknown case, a bad pointer, too many bytes.
    #[error("{0}")]
    Encoding(String),
}

/// One function on the stack of a script when it failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Demangled name, or the function's index.
    pub function: String,
    /// File and line of the author's source, once located and if the script was built with lines.
    pub location: Option<(String, u32)>,
    /// Of the instruction in the component.
    pub(crate) offset: u64,
}

impl FailureKind {
    /// Sorts a failed call by its cause. `asked` is the memory size the store refused, if it did.
    pub(crate) fn of(error: &wasmtime::Error, asked: Option<u64>, memory_limit: usize) -> Self {
        let frames = frames(error);
        if let Some(&LogFlood { lines, bytes }) = error.downcast_ref::<LogFlood>() {
            return Self::LogFlood { lines, bytes, frames };
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => Self::OutOfFuel { frames },
            Some(Trap::Interrupt) => Self::Deadline { frames },
            // A guest whose allocation failed traps next; what it says then is not the cause.
            Some(_) | None if asked.is_some() => {
                Self::OutOfMemory { asked: asked.unwrap_or_default(), limit: memory_limit as u64, frames }
            }
            Some(trap) if is_encoding(*trap) => {
                Self::BadOutput(BadOutput::Encoding(clip(&trap.to_string(), MESSAGE_BYTES).to_owned()))
            }
            Some(trap) => {
                let said = trap.to_string();
                let message = said.strip_prefix("wasm trap: ").unwrap_or(&said).to_owned();
                Self::Trap { message, frames }
            }
            None => {
                let message = clip(&error.root_cause().to_string(), MESSAGE_BYTES).to_owned();
                Self::BadOutput(BadOutput::Encoding(message))
            }
        }
    }

    /// Puts what the script said last in place of what the processor calls a trap.
    pub(crate) fn explained(mut self, last_words: Option<&str>) -> Self {
        if let (Self::Trap { message, .. }, Some(said)) = (&mut self, last_words) {
            *message = clip(&said.split_whitespace().collect::<Vec<_>>().join(" "), MESSAGE_BYTES).to_owned();
        }
        self
    }

    /// Stack of the failure, innermost first.
    pub fn frames(&self) -> &[Frame] {
        match self {
            Self::Trap { frames, .. }
            | Self::OutOfFuel { frames }
            | Self::Deadline { frames }
            | Self::OutOfMemory { frames, .. }
            | Self::LogFlood { frames, .. } => frames,
            Self::OverShare { .. }
            | Self::BadOutput(_)
            | Self::Instantiate { .. }
            | Self::NoModule
            | Self::OutOfScope => &[],
        }
    }

    /// The same, to be located.
    pub(crate) fn frames_mut(&mut self) -> Option<&mut Vec<Frame>> {
        match self {
            Self::Trap { frames, .. }
            | Self::OutOfFuel { frames }
            | Self::Deadline { frames }
            | Self::OutOfMemory { frames, .. }
            | Self::LogFlood { frames, .. } => Some(frames),
            Self::OverShare { .. }
            | Self::BadOutput(_)
            | Self::Instantiate { .. }
            | Self::NoModule
            | Self::OutOfScope => None,
        }
    }

    /// Short stable name for metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Trap { .. } => "trap",
            Self::OutOfFuel { .. } => "out_of_fuel",
            Self::Deadline { .. } => "deadline",
            Self::OverShare { .. } => "over_share",
            Self::OutOfMemory { .. } => "out_of_memory",
            Self::LogFlood { .. } => "log_flood",
            Self::BadOutput(_) => "bad_output",
            Self::Instantiate { .. } => "instantiate",
            Self::NoModule => "no_module",
            Self::OutOfScope => "out_of_scope",
        }
    }
}

impl ScriptFailure {
    /// A failure of the views with these ids.
    pub(crate) fn new(
        module: &str,
        export: Export,
        tick: u64,
        kind: FailureKind,
        ids: impl ExactSizeIterator<Item = u64>,
        isolated: bool,
    ) -> Self {
        let item_count = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        let items = ids.take(FAILURE_ITEMS).collect();
        Self { module: module.to_owned(), export, tick, kind, items, item_count, isolated, view: None }
    }

    /// Whether `other` is the same failure of another view of the same call.
    pub(crate) fn absorbs(&self, other: &Self) -> bool {
        self.export == other.export
            && self.tick == other.tick
            && self.isolated == other.isolated
            && self.kind == other.kind
            && self.module == other.module
    }

    /// Adds the views of `other`.
    pub(crate) fn absorb(&mut self, other: &Self) {
        let room = FAILURE_ITEMS.saturating_sub(self.items.len());
        self.items.extend(other.items.iter().take(room));
        self.item_count = self.item_count.saturating_add(other.item_count);
    }
}

impl fmt::Display for ScriptFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.module, self.export, self.kind)?;
        match self.item_count {
            0 => write!(f, " (tick {}; every view was served after splitting the batch)", self.tick),
            count => write!(f, " (tick {}; {count} views got the fallback: {:?})", self.tick, self.items),
        }
    }
}

/// Shows the innermost frame with a source line, else the innermost.
struct Stack<'a>(&'a [Frame]);

impl fmt::Display for Stack<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let author = self.0.iter().find(|frame| frame.is_authors());
        match author.or_else(|| self.0.first()) {
            Some(Frame { function, location: Some((file, line)), .. }) => {
                write!(f, " in {function} at {file}:{line}")
            }
            // The number of a function without a name leads nowhere.
            Some(Frame { function, location: None, .. }) if function.starts_with(NAMELESS) => Ok(()),
            Some(Frame { function, location: None, .. }) => write!(f, " in {function}"),
            None => Ok(()),
        }
    }
}

impl Frame {
    /// Whether this is code of the script's author rather than of its language's library.
    pub fn is_authors(&self) -> bool {
        let library = ["/rustc/", "/library/core/", "/library/std/", "/library/alloc/", ".cargo/registry/"];
        self.location.as_ref().is_some_and(|(file, _)| !library.iter().any(|part| file.contains(part)))
    }
}

fn frames(error: &wasmtime::Error) -> Vec<Frame> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    let name = |frame: &wasmtime::FrameInfo| match frame.func_name() {
        Some(name) => clip(name, 256).to_owned(),
        None => format!("{NAMELESS}{}", frame.func_index()),
    };
    let frames = backtrace.frames().iter().map(|frame| Frame {
        function: name(frame),
        location: None,
        offset: frame.module_offset().map_or(u64::MAX, |offset| offset as u64),
    });
    frames.collect()
}

/// Traps raised at the border because what the script returned cannot be read.
fn is_encoding(trap: Trap) -> bool {
    matches!(
        trap,
        Trap::InvalidChar
            | Trap::StringOutOfBounds
            | Trap::ListOutOfBounds
            | Trap::InvalidDiscriminant
            | Trap::UnalignedPointer
    )
}

/// At most `bytes` of `text`, cut at a character.
pub(crate) fn clip(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
