//! Guests written in WebAssembly text and wrapped into components against `wit/` or an earlier version of it,
//! so that these tests need no guest toolchain and can misbehave as no toolchain would.

use host_api::{
    Api, Capability, Engine, Generation, Kind, Limits, Manifest, ManifestLimits, ManifestProof, Module,
    Scope, ScriptRules,
};
use sim::content::Element;
use sim::rules::{Answer, Attack, Context, Origin, Outcome, Rules};
use sim::{EntityId, def_id};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, SizeAlign, TypeDefKind};

/// A guest that answers every view with its id and zeros, and what the test adds to that.
#[derive(Clone)]
pub struct Guest {
    pub kind: Kind,
    /// The version it is wrapped against.
    pub api: Api,
    pub manifest: Manifest,
    /// Runs at the start of every call.
    pub enter: String,
    /// Runs for every view; knows `$id`, `$in`, `$out`, `$i`, `$len` and the fields of both records
    /// as `{in.seed}` and `{out.amount}`.
    pub item: String,
    /// The same for one function only, by its name.
    pub items: BTreeMap<&'static str, String>,
    /// Runs at the end; may change `$len` and `$answers`.
    pub leave: String,
    /// More module fields.
    pub fields: String,
    /// Whether it exports `migration` too; `fields` has the functions.
    pub has_state: bool,
}

/// Where the files of a version are.
pub fn wit(api: Api) -> PathBuf {
    let current = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    if api == Api::CURRENT { current } else { current.join(format!("v{api}")) }
}

impl Guest {
    pub fn new(kind: Kind) -> Self {
        Self::of(kind, Api::CURRENT)
    }

    /// A guest of an earlier version.
    pub fn of(kind: Kind, api: Api) -> Self {
        let item = match kind {
            // Amount and threat depend on the seed alone, so that every view has its own answer.
            Kind::Combat => {
                "(i32.store offset={out.amount} (local.get $out)
                   (i32.and (i32.wrap_i64 (i64.load offset={in.seed} (local.get $in))) (i32.const 0xffff)))
                 (i32.store8 offset={out.kind} (local.get $out) (i32.const 3))"
            }
            // `done` of every objective is 0.
            Kind::Quest => {
                "(i32.store offset={out.done} (local.get $out) (i32.const 64))
                 (i32.store (i32.add (local.get $out) (i32.const {out.done+4}))
                   (i32.load (i32.add (local.get $in) (i32.const {in.progress+12}))))"
            }
            // As many spawns as the content says: none at all would be refused.
            Kind::Zone => "(i32.store offset={out.spawn-permille} (local.get $out) (i32.const 1000))",
            // Power and speed, ticks of a turn, power and rest of a move: none at all would be refused.
            Kind::Encounter => {
                "(i32.store offset={out.id+8} (local.get $out) (i32.const 100))
                 (i32.store offset={out.id+12} (local.get $out) (i32.const 100))"
            }
            _ => "",
        };
        let manifest = Manifest {
            name: kind.name().to_owned(),
            version: semver::Version::new(0, 1, 0),
            kind,
            api: api.name().to_owned(),
            capabilities: vec![Capability::Log],
            scope: Scope::World,
            zones: Vec::new(),
            requires: Vec::new(),
            limits: ManifestLimits::default(),
            proof: ManifestProof::default(),
        };
        let nothing = String::new;
        Self {
            kind,
            api,
            manifest,
            enter: nothing(),
            item: item.to_owned(),
            items: BTreeMap::new(),
            leave: nothing(),
            fields: nothing(),
            has_state: false,
        }
    }

    /// A combat guest that does `item` for every view, on top of answering it.
    pub fn combat(item: &str) -> Self {
        let mut guest = Self::new(Kind::Combat);
        guest.item.push_str(item);
        guest
    }

    /// A combat guest that does `item` for the view with this id only.
    pub fn combat_for(id: u32, item: &str) -> Self {
        Self::combat(&format!("(if (i32.eq (local.get $id) (i32.const {id})) (then {item}))"))
    }

    /// The component without its manifest.
    pub fn component(&self) -> Vec<u8> {
        self.around(self.core())
    }

    /// The core module alone.
    pub fn core(&self) -> Vec<u8> {
        let text = self.text(&self.resolve());
        wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    /// The component around a core module that imports and exports what this guest does.
    pub fn around(&self, mut core: Vec<u8>) -> Vec<u8> {
        let resolve = self.resolve();
        let (package, _) = resolve.packages.iter().next().unwrap();
        let state = if self.has_state { "-with-state" } else { "" };
        let world = format!("{}-script{state}", self.kind);
        let world = resolve.select_world(&[package], Some(&world)).unwrap();
        embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8, false).unwrap();
        ComponentEncoder::default().module(&core).unwrap().validate(true).encode().unwrap()
    }

    fn resolve(&self) -> Resolve {
        let mut resolve = Resolve::default();
        resolve.push_dir(wit(self.api)).unwrap();
        resolve
    }

    /// The component as `lore build` would make it.
    pub fn bytes(&self) -> Vec<u8> {
        Manifest::embed(&self.component(), &self.manifest)
    }

    /// The component with one core module more, instantiated with it: whatever that module does, it does in a
    /// component that is sound apart from it.
    pub fn with_module(&self, core: &[u8]) -> Vec<u8> {
        self.with_instances(core, 1)
    }

    /// The same with several instances of that module.
    pub fn with_instances(&self, core: &[u8], count: usize) -> Vec<u8> {
        let mut bytes = self.component();
        let (modules, _) = parts(&bytes);
        section(&mut bytes, 1, core);
        for _ in 0..count {
            // One instance, of that module, with no arguments.
            section(&mut bytes, 2, &[1, 0, modules, 0]);
        }
        Manifest::embed(&bytes, &self.manifest)
    }

    /// The component with one core module more, and what it exports as `run` called when it is instantiated.
    pub fn with_run(&self, core: &[u8]) -> Vec<u8> {
        let mut bytes = self.component();
        let (modules, instances) = parts(&bytes);
        let starter = wat::parse_str(r#"(module (import "it" "run" (func $run)) (start $run))"#).unwrap();
        section(&mut bytes, 1, core);
        section(&mut bytes, 1, &starter);
        section(&mut bytes, 2, &[1, 0, modules, 0]);
        // An instance of the second module, whose argument `it` is the instance of the first.
        section(&mut bytes, 2, &[1, 0, modules + 1, 1, 2, b'i', b't', 0x12, instances]);
        Manifest::embed(&bytes, &self.manifest)
    }

    fn text(&self, resolve: &Resolve) -> String {
        let mut text = format!(
            r#"(module
            (import "lore:script/log@{}.0" "write" (func $log (param i32 i32 i32)))
            (memory (export "memory") 2)
            (global $top (mut i32) (i32.const 4096))
            (func $alloc (export "cabi_realloc") (param i32 i32) (param $align i32) (param $size i32)
                (result i32)
                (local $at i32) (local $pages i32)
                (local.set $at (i32.and
                    (i32.add (global.get $top) (i32.sub (local.get $align) (i32.const 1)))
                    (i32.sub (i32.const 0) (local.get $align))))
                (global.set $top (i32.add (local.get $at) (local.get $size)))
                (local.set $pages (i32.sub
                    (i32.add (i32.shr_u (global.get $top) (i32.const 16)) (i32.const 1)) (memory.size)))
                (if (i32.gt_s (local.get $pages) (i32.const 0))
                    (then (if (i32.eq (memory.grow (local.get $pages)) (i32.const -1)) (then unreachable))))
                (local.get $at))
            {}"#,
            self.api, self.fields
        );
        for export in self.kind.exports() {
            let function = export.name().split('.').nth(1).unwrap();
            let (view, answer) = records(resolve, self.kind, function);
            let own = self.items.get(function).map_or("", String::as_str);
            let item = fill(&format!("{} {own}", self.item), &view, &answer);
            let name = format!("{}#{function}", self.api.interface(self.kind));
            let load_id = if view.wide_id {
                "i32.wrap_i64 (i64.load (local.get $in))"
            } else {
                "i32.load (local.get $in)"
            };
            let store_id = if answer.wide_id {
                "i64.store (local.get $out) (i64.extend_i32_u (local.get $id))"
            } else {
                "i32.store (local.get $out) (local.get $id)"
            };
            write!(
                text,
                r#"
                (func ${function} (export "{name}") (param i64 i32 i32 i32) (param $views i32) (param $len i32) (result i32)
                    (local $i i32) (local $in i32) (local $out i32) (local $id i32) (local $answers i32)
                    {enter}
                    (local.set $answers (call $alloc (i32.const 0) (i32.const 0) (i32.const 8)
                        (i32.mul (local.get $len) (i32.const {answer_size}))))
                    (memory.fill (local.get $answers) (i32.const 0)
                        (i32.mul (local.get $len) (i32.const {answer_size})))
                    (block $done (loop $next
                        (br_if $done (i32.eq (local.get $i) (local.get $len)))
                        (local.set $in (i32.add (local.get $views)
                            (i32.mul (local.get $i) (i32.const {view_size}))))
                        (local.set $out (i32.add (local.get $answers)
                            (i32.mul (local.get $i) (i32.const {answer_size}))))
                        (local.set $id ({load_id}))
                        ({store_id})
                        {item}
                        (local.set $i (i32.add (local.get $i) (i32.const 1)))
                        (br $next)))
                    {leave}
                    (i32.store (i32.const 16) (local.get $answers))
                    (i32.store (i32.const 20) (local.get $len))
                    (i32.const 16))
                (func (export "cabi_post_{name}") (param i32) (global.set $top (i32.const 4096)))"#,
                enter = self.enter,
                leave = self.leave,
                view_size = view.size,
                answer_size = answer.size,
            )
            .unwrap();
        }
        text.push(')');
        text
    }
}

/// How many core modules and core instances a component has.
fn parts(component: &[u8]) -> (u8, u8) {
    let (mut modules, mut instances) = (0, 0);
    let mut depth = 0;
    for payload in wasmparser::Parser::new(0).parse_all(component) {
        match payload.unwrap() {
            wasmparser::Payload::ModuleSection { .. } => {
                modules += u8::from(depth == 0);
                depth += 1;
            }
            wasmparser::Payload::InstanceSection(section) if depth == 0 => {
                instances += u8::try_from(section.count()).unwrap();
            }
            wasmparser::Payload::ComponentSection { .. } => depth += 1,
            wasmparser::Payload::End(_) => depth -= 1,
            _ => {}
        }
    }
    (modules, instances)
}

/// Appends a section to a component.
pub fn section(bytes: &mut Vec<u8>, id: u8, body: &[u8]) {
    bytes.push(id);
    let mut length = body.len();
    while length > 0x7f {
        bytes.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend_from_slice(body);
}

/// Where the fields of a record lie in linear memory.
struct Layout {
    size: usize,
    offsets: BTreeMap<String, usize>,
    wide_id: bool,
}

/// Layouts of the view and the answer of one exported function.
fn records(resolve: &Resolve, kind: Kind, function: &str) -> (Layout, Layout) {
    let mut sizes = SizeAlign::default();
    sizes.fill(resolve).unwrap();
    let interface =
        resolve.interfaces.iter().find(|(_, interface)| interface.name.as_deref() == Some(kind.name()));
    let function = &interface.unwrap().1.functions[function];
    let layout = |list: wit_parser::Type| {
        let wit_parser::Type::Id(list) = list else { panic!("not a list") };
        let TypeDefKind::List(wit_parser::Type::Id(element)) = resolve.types[list].kind else {
            panic!("not a list")
        };
        let TypeDefKind::Record(record) = &resolve.types[element].kind else { panic!("not a record") };
        let types = record.fields.iter().map(|field| &field.ty);
        let offsets = sizes.field_offsets(types.clone());
        Layout {
            size: sizes.record(types).size.size_wasm32(),
            offsets: record
                .fields
                .iter()
                .zip(offsets)
                .map(|(field, (offset, _))| (field.name.clone(), offset.size_wasm32()))
                .collect(),
            wide_id: sizes.size(&record.fields[0].ty).size_wasm32() == 8,
        }
    };
    (layout(function.params[1].ty), layout(function.result.unwrap()))
}

/// Replaces `{in.field}`, `{out.field}` and `{in.field+4}` by offsets.
fn fill(text: &str, view: &Layout, answer: &Layout) -> String {
    let mut text = text.to_owned();
    for (prefix, layout) in [("in", view), ("out", answer)] {
        for (name, offset) in &layout.offsets {
            for plus in [0, 4, 8, 12] {
                let pattern = if plus == 0 {
                    format!("{{{prefix}.{name}}}")
                } else {
                    format!("{{{prefix}.{name}+{plus}}}")
                };
                text = text.replace(&pattern, &(offset + plus).to_string());
            }
        }
    }
    text
}

/// An engine with the default limits and no cache.
pub fn engine() -> Engine {
    Engine::new(Limits::default(), None).unwrap()
}

/// Rules in which only the combat script is the guest; ability answers with zeros.
pub fn rules_with(combat: &Guest) -> ScriptRules {
    rules_under(&engine(), combat)
}

/// As [`rules_with`], on an engine of the test's own.
pub fn rules_under(engine: &Engine, combat: &Guest) -> ScriptRules {
    let ability = Module::load(engine, &Guest::new(Kind::Ability).bytes()).unwrap();
    let combat = Module::load(engine, &combat.bytes()).unwrap();
    ScriptRules::new(&Generation::new(1, [ability, combat]).unwrap()).unwrap()
}

/// Attacks with the ids `100..100 + count`, each with its own seed.
pub fn attacks(count: u32) -> Vec<Attack> {
    (100..100 + count)
        .map(|id| Attack {
            id,
            attacker: EntityId(1),
            defender: EntityId(2),
            element: Element::Fire,
            attacker_level: 1,
            defender_level: 1,
            attacker_is_npc: false,
            defender_is_npc: true,
            accuracy: 50,
            evasion: 50,
            distance_mm: 1_000,
            attack_power: 10,
            weapon_damage: 5,
            power_permille: 1_000,
            critical_chance: 5,
            defence: 0,
            resistance_permille: 0,
            block_chance: 0,
            dodge_chance: 0,
            defender_health: 100,
            defender_health_max: 100,
            seed: u64::from(id) * 7,
        })
        .collect()
}

/// The context of a call.
pub const CONTEXT: Context = Context { tick: 7, tick_ms: 50, zone: def_id("zone/test"), minute_of_day: 600 };

/// Answers to these attacks.
pub fn resolve(rules: &mut ScriptRules, attacks: &[Attack]) -> Vec<Answer<Outcome>> {
    let mut answers = Vec::new();
    rules.resolve(&CONTEXT, attacks, &mut answers);
    assert_eq!(answers.len(), attacks.len());
    answers
}

/// Ids that got the fallback; checks that all others got their real answers.
pub fn unserved(attacks: &[Attack], answers: &[Answer<Outcome>]) -> Vec<u32> {
    let mut unserved = Vec::new();
    for (attack, answer) in attacks.iter().zip(answers) {
        assert_eq!(answer.value.id, attack.id);
        if answer.origin == Origin::Fallback {
            assert_eq!(answer.value, Outcome::fallback(attack.id));
            unserved.push(attack.id);
        } else {
            assert_eq!(answer.value.amount as u64, attack.seed & 0xffff);
        }
    }
    unserved
}
