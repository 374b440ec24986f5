//! Views nobody wrote: the plausible one every candidate is asked first, and those a zone recorded.

use super::value::{Lowering, json};
use super::{Harness, HarnessError};
use crate::convert::Hook;
use crate::record::{Laned, Recording, Ring, Visitor, visit};
use serde_json::{Value, json as text};
use sim::rules::Context;
use std::convert::Infallible;

/// One recorded call of a module, as its author would write it.
#[derive(Clone, Debug)]
pub struct RecordedCall {
    /// `combat.resolve`.
    pub function: &'static str,
    /// What the call was told.
    pub context: Value,
    /// What was asked.
    pub view: Value,
    /// The same as the simulation shows it, to recognise it by.
    pub shown: String,
}

impl Harness {
    /// The view of this function that a candidate is asked first.
    ///
    /// # Errors
    /// There is no such function.
    pub fn sample(&mut self, function: &str) -> Result<Value, HarnessError> {
        let kinds = [
            "ability",
            "announcement",
            "dialog",
            "event",
            "item",
            "npc",
            "quest",
            "recipe",
            "status",
            "zone",
        ];
        self.learn(kinds.map(|kind| format!("{kind}/sample")));
        let mut sample = Sample { function, found: Value::Null };
        let Ok(()) = visit(self.module.kind(), &mut sample);
        self.translated(function, &sample.found)
    }

    /// What a zone asked this module, oldest first by function.
    ///
    /// # Errors
    /// A recorded function is none of this module's.
    pub fn recorded(&mut self, recording: &Recording) -> Result<Vec<RecordedCall>, HarnessError> {
        let mut all = Recorded { recording, script: self.module.script(), found: Vec::new() };
        let Ok(()) = visit(self.module.kind(), &mut all);
        let mut calls = all.found;
        for call in &mut calls {
            call.view = self.translated(call.function, &call.view)?;
        }
        Ok(calls)
    }

    /// A view of the bindings by the names of this module's interface.
    fn translated(&mut self, function: &str, view: &Value) -> Result<Value, HarnessError> {
        let ty = self.find(function)?.view.clone();
        let value = Lowering { names: &mut self.names, lenient: true }.value(&ty, &[view])?;
        Ok(json(&value, &self.names))
    }
}

struct Sample<'a> {
    function: &'a str,
    found: Value,
}

impl Visitor for Sample<'_> {
    type Error = Infallible;

    fn visit<H: Laned>(&mut self) -> Result<(), Infallible> {
        if H::EXPORT.name() == self.function {
            self.found = bindings::<H>(&H::sample());
        }
        Ok(())
    }
}

struct Recorded<'a> {
    recording: &'a Recording,
    script: sim::DefId,
    found: Vec<RecordedCall>,
}

impl Visitor for Recorded<'_> {
    type Error = Infallible;

    fn visit<H: Laned>(&mut self) -> Result<(), Infallible> {
        for record in H::tape(self.recording).all_of(self.script).flat_map(Ring::iter) {
            self.found.push(RecordedCall {
                function: H::EXPORT.name(),
                context: told(&record.ctx),
                view: bindings::<H>(&record.view),
                shown: format!("{:#?}", record.view),
            });
        }
        Ok(())
    }
}

/// A context as an author writes it.
fn told(ctx: &Context) -> Value {
    text!({
        "tick": ctx.tick,
        "tick-ms": ctx.tick_ms,
        "zone": ctx.zone.0,
        "minute-of-day": ctx.minute_of_day,
    })
}

fn bindings<H: Hook>(view: &H::View) -> Value {
    serde_json::to_value(H::lower(view)).expect("records have names as keys")
}
