//! What one module was asked, as another one is asked it: the state in the views goes over to the schema of the
//! other, as it would if that became live. Runs compiled code: keep it off the tick.

use crate::convert::Hook;
use crate::module::Module;
use sim::state::StateValue;
use std::collections::{HashMap, HashSet};

/// The way of some views from one module to another.
pub(crate) struct Translation {
    /// Whether the two have another schema.
    pub(crate) changes_schema: bool,
    /// Every state in the views, and what becomes of it; empty if nothing does.
    states: HashMap<StateValue, Result<StateValue, String>>,
}

impl Translation {
    /// Migrates the state in these views, each state once.
    pub(crate) fn new<'a, H>(from: &Module, to: &Module, views: impl Iterator<Item = &'a H::View>) -> Self
    where
        H: Hook,
        H::View: 'a,
    {
        if from.schema() == to.schema() {
            return Self { changes_schema: false, states: HashMap::new() };
        }
        Self::of::<H>(views, |states| from.hand_over(to, states))
    }

    /// The way of views that were recorded in an older schema to the module that is asked now.
    pub(crate) fn up<'a, H>(schema: u32, to: &Module, views: impl Iterator<Item = &'a H::View>) -> Self
    where
        H: Hook,
        H::View: 'a,
    {
        Self::of::<H>(views, |states| to.bring_up(schema, states))
    }

    fn of<'a, H>(
        views: impl Iterator<Item = &'a H::View>,
        turn: impl FnOnce(&[StateValue]) -> Vec<Result<StateValue, String>>,
    ) -> Self
    where
        H: Hook,
        H::View: 'a,
    {
        let mut known = HashSet::new();
        let states: Vec<StateValue> =
            views.filter_map(H::state).filter(|state| known.insert(state.clone())).collect();
        let after = turn(&states);
        Self { changes_schema: true, states: states.into_iter().zip(after).collect() }
    }

    /// One of the views as the other module is asked it.
    ///
    /// # Errors
    /// Why its state cannot be migrated.
    pub(crate) fn view<H: Hook>(&self, view: &H::View) -> Result<H::View, &str> {
        let mut view = view.clone();
        if !self.changes_schema {
            return Ok(view);
        }
        match H::state(&view).and_then(|state| self.states.get(&state)) {
            Some(Ok(state)) => H::set_state(&mut view, state.clone()),
            Some(Err(why)) => return Err(why),
            None => {}
        }
        Ok(view)
    }
}
