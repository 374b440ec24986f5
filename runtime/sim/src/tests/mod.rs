//! Mechanics as players meet them, and determinism.

/// Methods of [`crate::rules::Rules`] as the rules in Rust have them, which are the first field of who uses this.
macro_rules! native {
    ($($name:ident($($script:ident)?: $view:ty => $answer:ty)),* $(,)?) => {
        $(fn $name(&mut self, ctx: &Context, $($script: DefId,)? v: &[$view], out: &mut Vec<Answer<$answer>>) {
            self.0.$name(ctx, $($script,)? v, out);
        })*
    };
}

mod craft;
mod determinism;
mod duel;
mod encounter;
mod events;
mod mechanics;
mod state;
mod summon;
mod talk;
mod trade;
mod visits;
