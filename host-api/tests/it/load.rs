//! Candidates that never become modules, and what they are told.

use crate::fixture::{Guest, engine};
use expect_test::{Expect, expect};
use host_api::{Engine, Generation, GenerationError, Kind, Limits, LoadError, Manifest, Module};

#[allow(clippy::needless_pass_by_value)] // `expect!` reads best as a value
fn refused(bytes: &[u8], says: Expect) {
    let error = Module::load(&engine(), bytes).expect_err("the candidate was accepted");
    says.assert_eq(&error.to_string());
}

#[test]
fn a_sound_guest_of_every_kind_is_accepted() {
    let engine = engine();
    for kind in Kind::ALL {
        let bytes = Guest::new(kind).bytes();
        let module = Module::load(&engine, &bytes).unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert_eq!((module.kind(), module.name()), (kind, kind.name()));
        let digest = blake3::hash(&bytes).to_hex().to_string();
        assert_eq!(module.label(), format!("{kind}@0.1.0+{}", &digest[..8]));
        assert_eq!(format!("{:016x}", module.stamp().0), &digest[..16]);
        assert_eq!(module.digest(), digest);
    }
}

#[test]
fn a_component_of_another_world() {
    let guest = Guest::new(Kind::Npc);
    let manifest = Manifest { kind: Kind::Combat, ..guest.manifest.clone() };
    refused(
        &Manifest::embed(&guest.component(), &manifest),
        expect![
            "npc says it is of kind `combat`, but does not export `lore:script/combat@0.2.0`; it exports `lore:script/npc@0.2.0`. Build it for the world `combat-script` or correct its kind"
        ],
    );
}

#[test]
fn an_export_of_another_shape() {
    let bytes = wat::parse_str(
        r#"(component
            (component $empty)
            (instance $combat (instantiate $empty))
            (export "lore:script/combat@0.2.0" (instance $combat)))"#,
    );
    let bytes = bytes.unwrap();
    refused(
        &Manifest::embed(&bytes, &Guest::new(Kind::Combat).manifest),
        expect![
            "combat does not fit the world `combat-script` of API 0.2: instance export `lore:script/combat@0.2.0` does not have export `resolve`; build it against the files of 0.2 in `wit/`"
        ],
    );
}

#[test]
fn no_manifest() {
    refused(
        &Guest::new(Kind::Combat).component(),
        expect!["no `lore:manifest` section; build the script with `lore build`"],
    );
}

#[test]
fn limits_beyond_what_is_given() {
    let mut guest = Guest::new(Kind::Combat);
    guest.manifest.limits.fuel_per_item = Some(u64::MAX);
    refused(
        &guest.bytes(),
        expect![
            "combat: limits.fuel_per_item is 18446744073709551615, but at most 1000000 is given; lower it in the script's manifest"
        ],
    );
}

#[test]
fn a_wasi_import() {
    let component =
        wat::parse_str(r#"(component (import "wasi:clocks/wall-clock@0.2.0" (instance)))"#).unwrap();
    refused(
        &component,
        expect![
            "imports `wasi:clocks/wall-clock@0.2.0`, which no script can have: build without WASI (Rust: wasm32-unknown-unknown; JavaScript and Python: --stub-wasi)"
        ],
    );
    let component = wat::parse_str(r#"(component (import "evil:host/shell@1.0.0" (instance)))"#).unwrap();
    refused(
        &component,
        expect![
            "imports `evil:host/shell@1.0.0`, which no script can have: a script decides from its arguments alone and may only write to `lore:script/log`"
        ],
    );
}

#[test]
fn a_core_module() {
    refused(
        &wat::parse_str("(module)").unwrap(),
        expect!["a core module, not a component; build the script with `lore build`"],
    );
}

#[test]
fn a_shared_memory() {
    let component = wat::parse_str("(component (core module (memory 1 1 shared)))").unwrap();
    refused(&component, expect!["a shared memory; build for wasm32 without threads"]);
    let component = wat::parse_str("(component (core module (memory i64 1)))").unwrap();
    refused(&component, expect!["a 64-bit memory; build for wasm32 without threads"]);
}

#[test]
fn a_second_memory() {
    let component = wat::parse_str("(component (core module (memory 1) (memory 1)))").unwrap();
    refused(
        &component,
        expect!["2 memories in one module, at most 1 are accepted; build the script with `lore build`"],
    );
}

#[test]
fn too_much_to_compile() {
    let functions = "(func)".repeat(20_001);
    let component = wat::parse_str(format!("(component (core module {functions}))")).unwrap();
    refused(
        &component,
        expect![
            "20001 functions, at most 20000 are accepted; split the script or leave out what it does not use"
        ],
    );
    let nested = format!("{}{}", "(component ".repeat(8), ")".repeat(8));
    refused(
        &wat::parse_str(nested).unwrap(),
        expect!["5 levels of nesting, at most 4 are accepted; build the script with `lore build`"],
    );
}

#[test]
fn every_truncation_is_refused() {
    let engine = engine();
    let bytes = Guest::new(Kind::Combat).bytes();
    for len in (0..bytes.len()).step_by(97) {
        let error = Module::load(&engine, &bytes[..len]).expect_err("truncated bytes were accepted");
        assert!(matches!(error, LoadError::Scan(_)), "{len} bytes: {error}");
    }
    refused(
        &bytes[..2_000],
        expect![
            "not a readable WebAssembly component: unexpected end-of-file (at byte 0x7c6); build it again"
        ],
    );
}

#[test]
fn damaged_bytes_never_do_harm() {
    let engine = engine();
    let bytes = Guest::new(Kind::Combat).bytes();
    let mut seed = 1_u64;
    for _ in 0..150 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut damaged = bytes.clone();
        let at = (seed >> 33) as usize % damaged.len();
        damaged[at] ^= 1 << (seed >> 60 & 7);
        // Accepted or refused: what matters is that it comes back.
        let _outcome = Module::load(&engine, &damaged);
    }
}

#[test]
fn noise_of_64_mib() {
    let mut seed = 0x9e37_79b9_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    })
    .take(64 << 20)
    .collect();
    refused(
        &noise,
        expect![
            "67108864 bytes, at most 16777216 are accepted; build in release mode and strip debug sections"
        ],
    );
    // Small enough for the size limit, it is refused for what it is.
    refused(&noise[..1 << 20], expect!["not WebAssembly; push what `lore build` made"]);
}

#[test]
fn an_oversized_component() {
    let engine = Engine::new(Limits { component_bytes: 1_000, ..Limits::default() }, None).unwrap();
    let error = Module::load(&engine, &Guest::new(Kind::Combat).bytes()).unwrap_err();
    assert!(error.to_string().contains("at most 1000 are accepted"), "{error}");
}

#[test]
fn a_trap_at_the_first_question() {
    let mut guest = Guest::new(Kind::Combat);
    guest.enter = "unreachable".into();
    let error = Module::load(&engine(), &guest.bytes()).unwrap_err().to_string();
    assert!(error.starts_with("combat: combat.resolve with a batch of 0 trapped: "), "{error}");
    assert!(error.contains("executed in resolve;"), "{error}");
}

#[test]
fn a_start_that_never_ends() {
    let mut guest = Guest::new(Kind::Combat);
    guest.fields = "(func $spin (loop $again (br $again))) (start $spin)".into();
    let error = Module::load(&engine(), &guest.bytes()).unwrap_err().to_string();
    assert!(error.starts_with("combat cannot be started: ran out of fuel in spin"), "{error}");
}

#[test]
fn a_memory_beyond_the_limit_from_the_start() {
    let mut guest = Guest::new(Kind::Combat);
    guest.fields = "(func $grow (if (i32.eq (memory.grow (i32.const 2000)) (i32.const -1))
        (then unreachable))) (start $grow)"
        .into();
    let error = Module::load(&engine(), &guest.bytes()).unwrap_err().to_string();
    assert!(error.contains("ran out of memory: asked for 131203072 bytes, 33554432 are allowed"), "{error}");
}

#[test]
fn generations_are_consistent() {
    let engine = engine();
    let load = |guest: &Guest| Module::load(&engine, &guest.bytes()).unwrap();
    let combat = load(&Guest::new(Kind::Combat));
    let ability = load(&Guest::new(Kind::Ability));
    let missing = Generation::new(1, [combat.clone()]).unwrap_err();
    assert_eq!(missing, GenerationError::Missing(Kind::Ability));

    let mut other = Guest::combat("(nop)");
    other.manifest.version = semver::Version::new(0, 2, 0);
    let first = Generation::new(1, [combat.clone(), ability]).unwrap();
    let second = first.with_module(2, load(&other)).unwrap();
    assert_eq!((second.number(), second.modules().count()), (2, 2));
    let newer = second.module("combat").unwrap();
    assert!(newer.label().starts_with("combat@0.2.0+"));
    assert_eq!(second.label(newer.stamp()), Some(newer.label()));
    assert_eq!(second.label(combat.stamp()), None);

    other.manifest.name = "combat-two".into();
    let error = second.with_module(3, load(&other)).unwrap_err();
    assert!(matches!(error, GenerationError::SameKind { kind: Kind::Combat, .. }));
}
