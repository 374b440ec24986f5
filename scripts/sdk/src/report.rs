//! The frame of every call: one answer per view, and a panic that says where.

#[allow(missing_docs, unsafe_code)]
mod wit {
    wit_bindgen::generate!({
        inline: "package lore:sdk; world sdk { import lore:script/log@0.2.0; }",
        path: "../../wit",
        world: "lore:sdk/sdk",
        generate_all,
    });
}

/// Answers every view, in order: the shape of every batched export.
///
/// Also sees to it that a panic inside `answer` writes its message and place to the author's log
/// before it becomes a trap.
pub fn each<View, Answer>(views: &[View], answer: impl FnMut(&View) -> Answer) -> Vec<Answer> {
    report_panics();
    views.iter().map(answer).collect()
}

#[cfg(target_arch = "wasm32")]
fn report_panics() {
    use std::sync::Once;
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            wit::lore::script::log::write(wit::lore::script::log::Level::Error, &panic.to_string());
        }));
    });
}

/// Natively (under `cargo test`) the test harness reports panics.
#[cfg(not(target_arch = "wasm32"))]
fn report_panics() {}
