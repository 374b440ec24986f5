//! Rust types and typed exports of the worlds in `wit/`, generated. Nothing else lives here.
//!
//! One module per world; the types of `lore:script/types` and the `log` import are generated once,
//! with the combat world, and shared by the others, those of earlier versions too. Private: the rest of the
//! crate speaks [`sim::rules`] and reaches these types through `convert`.

#![allow(missing_docs, clippy::all)]

pub(crate) mod combat {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "combat-script",
        imports: { default: trappable },
        additional_derives: [serde::Serialize, serde::Deserialize],
    });
}

pub(crate) mod ability {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "ability-script",
        imports: { default: trappable },
        additional_derives: [serde::Serialize, serde::Deserialize],
        with: {
            "lore:script/types": super::combat::lore::script::types,
            "lore:script/log": super::combat::lore::script::log,
        },
    });
}

pub(crate) mod chat {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "chat-script",
        imports: { default: trappable },
        additional_derives: [serde::Serialize, serde::Deserialize],
        with: {
            "lore:script/types": super::combat::lore::script::types,
            "lore:script/log": super::combat::lore::script::log,
        },
    });
}

pub(crate) mod zone {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "zone-script",
        imports: { default: trappable },
        additional_derives: [serde::Serialize, serde::Deserialize],
        with: {
            "lore:script/types": super::combat::lore::script::types,
            "lore:script/log": super::combat::lore::script::log,
        },
    });
}

pub(crate) mod npc {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "npc-script",
        imports: { default: trappable },
        additional_derives: [serde::Serialize, serde::Deserialize],
        with: {
            "lore:script/types": super::combat::lore::script::types,
            "lore:script/log": super::combat::lore::script::log,
        },
    });
}

pub(crate) mod quest {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "quest-script",
        imports: { default: trappable },
        additional_derives: [serde::Serialize, serde::Deserialize],
        with: {
            "lore:script/types": super::combat::lore::script::types,
            "lore:script/log": super::combat::lore::script::log,
        },
    });
}

pub(crate) mod dialog {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "dialog-script",
        imports: { default: trappable },
        additional_derives: [serde::Serialize, serde::Deserialize],
        with: {
            "lore:script/types": super::combat::lore::script::types,
            "lore:script/log": super::combat::lore::script::log,
        },
    });
}

pub(crate) mod loot {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "loot-script",
        imports: { default: trappable },
        additional_derives: [serde::Serialize, serde::Deserialize],
        with: {
            "lore:script/types": super::combat::lore::script::types,
            "lore:script/log": super::combat::lore::script::log,
        },
    });
}

pub(crate) mod progression {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "progression-script",
        imports: { default: trappable },
        additional_derives: [serde::Serialize, serde::Deserialize],
        with: {
            "lore:script/types": super::combat::lore::script::types,
            "lore:script/log": super::combat::lore::script::log,
        },
    });
}

pub(crate) mod economy {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "economy-script",
        imports: { default: trappable },
        additional_derives: [serde::Serialize, serde::Deserialize],
        with: {
            "lore:script/types": super::combat::lore::script::types,
            "lore:script/log": super::combat::lore::script::log,
        },
    });
}

pub(crate) mod encounter {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "encounter-script",
        imports: { default: trappable },
        additional_derives: [serde::Serialize, serde::Deserialize],
        with: {
            "lore:script/types": super::combat::lore::script::types,
            "lore:script/log": super::combat::lore::script::log,
        },
    });
}

pub(crate) mod event {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "event-script",
        imports: { default: trappable },
        additional_derives: [serde::Serialize, serde::Deserialize],
        with: {
            "lore:script/types": super::combat::lore::script::types,
            "lore:script/log": super::combat::lore::script::log,
        },
    });
}

pub(crate) mod migration {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "state-owner",
        with: {
            "lore:script/types": super::combat::lore::script::types,
        },
    });
}

/// What API 0.1 has otherwise than today.
pub(crate) mod v0_1 {
    pub(crate) mod combat {
        wasmtime::component::bindgen!({
            path: "../wit/v0.1",
            world: "combat-script",
            imports: { default: trappable },
            with: {
                "lore:script/types": crate::bindings::combat::lore::script::types,
                "lore:script/log": crate::bindings::combat::lore::script::log,
            },
        });
    }
}

pub(crate) use combat::lore::script::{log, types};
