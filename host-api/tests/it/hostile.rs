//! Components made to harm: each is named after what it tries, and says which rule stops it.

use crate::fixture::{Guest, attacks, engine, resolve, rules_with, unserved};
use expect_test::{Expect, expect};
use host_api::{FailureKind, Kind, LoadError, Manifest, Module, ScanError};
use std::fmt::Write;

fn load(bytes: &[u8]) -> Result<Module, LoadError> {
    Module::load(&engine(), bytes)
}

/// What a core module beside a sound guest is told.
fn beside(wat: &str) -> LoadError {
    let core = wat::parse_str(wat).unwrap_or_else(|error| panic!("{error}"));
    load(&Guest::new(Kind::Combat).with_module(&core)).expect_err("the candidate was accepted")
}

/// What a component of these parts is told; whatever it is, it is not read as far as its exports.
fn component(wat: &str) -> LoadError {
    let bytes = wat::parse_str(format!("(component {wat})")).unwrap_or_else(|error| panic!("{error}"));
    let bytes = Manifest::embed(&bytes, &Guest::new(Kind::Combat).manifest);
    load(&bytes).expect_err("the candidate was accepted")
}

#[allow(clippy::needless_pass_by_value)] // `expect!` reads best as a value
fn says(error: LoadError, expected: Expect) {
    expected.assert_eq(&error.to_string());
}

#[test]
fn a_sound_module_beside_a_guest_is_accepted() {
    let core = wat::parse_str("(module (func $quick nop) (start $quick))").unwrap();
    load(&Guest::new(Kind::Combat).with_module(&core)).unwrap();
}

/// Rule: functions are counted before anything is compiled.
#[test]
fn a_hundred_thousand_tiny_functions() {
    let error = beside(&format!("(module {})", "(func)".repeat(100_000)));
    assert!(matches!(error, LoadError::Scan(ScanError::TooMany { what: "functions", .. })), "{error}");
}

/// Rule: bytes of one function.
#[test]
fn a_function_of_a_megabyte() {
    let error = beside(&format!("(module (func {}))", "nop ".repeat(1 << 20)));
    says(
        error,
        expect![
            "1048578 bytes of one function, at most 262144 are accepted; split the function, or make a table of its largest `match` or `switch`"
        ],
    );
}

/// Rule: bytes of code, all functions together.
#[test]
fn more_code_than_can_be_compiled_in_seconds() {
    let function = format!("(func {})", "nop ".repeat(250_000));
    let error = beside(&format!("(module {})", function.repeat(17)));
    assert!(matches!(error, LoadError::Scan(ScanError::TooMany { what: "bytes of code", .. })), "{error}");
}

/// Rule: local variables of one function.
#[test]
fn fifty_thousand_locals() {
    let error = beside(&format!("(module (func (local {})))", "i64 ".repeat(49_999)));
    assert!(
        matches!(error, LoadError::Scan(ScanError::TooMany { what: "locals of one function", .. })),
        "{error}"
    );
}

/// Rule: branches of one function. Unbounded, twice as many took the compiler 16 s and 6.6 GB.
#[test]
fn a_loop_that_is_left_in_ten_thousand_places() {
    let leave =
        "block local.get 0 br_if 0 local.get 1 i64.const 3 i64.mul local.set 2 local.get 0 br_if 1 end ";
    let core = format!("(module (func (param i32) (local i64 i64) loop {} end))", leave.repeat(10_000));
    let error = beside(&core);
    assert!(
        matches!(error, LoadError::Scan(ScanError::TooMany { what: "branches of one function", .. })),
        "{error}"
    );
}

/// Rule: squares of branches, all functions together.
#[test]
fn many_functions_with_many_branches() {
    let function = format!("(func (param i32) {})", "block local.get 0 br_if 0 end ".repeat(2_500));
    let error = beside(&format!("(module {})", function.repeat(20)));
    assert!(
        matches!(error, LoadError::Scan(ScanError::TooMany { what: "branches of functions, squared", .. })),
        "{error}"
    );
}

/// Rule: branches of one function; what is nested below that costs its bytes.
#[test]
fn blocks_nested_a_hundred_thousand_deep() {
    let nested = |depth| format!("(module (func {}{}))", "block ".repeat(depth), "end ".repeat(depth));
    let error = beside(&nested(100_000));
    assert!(matches!(error, LoadError::Scan(ScanError::TooMany { .. })), "{error}");
    load(&Guest::new(Kind::Combat).with_module(&wat::parse_str(nested(5_000)).unwrap())).unwrap();
}

/// Rule: the validator's bound on the depth of types.
#[test]
fn types_nested_two_hundred_deep() {
    let mut types = "(type $t0 (list u8))".to_owned();
    for depth in 1..200 {
        write!(types, "(type $t{depth} (list $t{}))", depth - 1).unwrap();
    }
    let mut bytes = Guest::new(Kind::Combat).component();
    let nested = wat::parse_str(format!("(component {types})")).unwrap();
    crate::fixture::section(&mut bytes, 4, &nested);
    let error = load(&Manifest::embed(&bytes, &Guest::new(Kind::Combat).manifest)).unwrap_err();
    assert!(matches!(error, LoadError::Compile { .. }), "{error}");
    assert!(error.to_string().contains("nest"), "{error}");
}

/// Rule: the validator's bound on the size of types: thirty doublings are a thousand million fields.
#[test]
fn a_type_that_doubles_thirty_times() {
    let mut types = "(type $t0 (tuple u64 u64))".to_owned();
    for times in 1..30 {
        write!(types, "(type $t{times} (tuple $t{0} $t{0}))", times - 1).unwrap();
    }
    let mut bytes = Guest::new(Kind::Combat).component();
    crate::fixture::section(&mut bytes, 4, &wat::parse_str(format!("(component {types})")).unwrap());
    let error = load(&Manifest::embed(&bytes, &Guest::new(Kind::Combat).manifest)).unwrap_err();
    assert!(matches!(error, LoadError::Compile { .. }), "{error}");
}

/// Rule: bytes of types and structure; their number alone says little.
#[test]
fn few_types_of_millions_of_fields() {
    let fields: String = (0..9_000).fold(String::new(), |mut fields, field| {
        write!(fields, "(field \"a{field}\" u8)").unwrap();
        fields
    });
    let types = format!("(type (record {fields}))").repeat(40);
    let error = component(&types);
    assert!(
        matches!(error, LoadError::Scan(ScanError::TooMany { what: "bytes of types and structure", .. })),
        "{error}"
    );
}

/// Rule: elements of one table, when it is made.
#[test]
fn a_table_of_ten_million() {
    let error = beside("(module (table 10000000 funcref))");
    assert!(matches!(error, LoadError::Start { .. }), "{error}");
    let grows = "(module (table 1 funcref) (func $grow
        (if (i32.eq (table.grow (ref.null func) (i32.const 9000000)) (i32.const -1)) (then unreachable)))
        (start $grow))";
    let error = beside(grows);
    let LoadError::Start { failure: FailureKind::Trap { .. }, .. } = error else { panic!("{error}") };
}

/// Rule: bytes of memory of all instances together.
#[test]
fn many_memories_instead_of_one() {
    let core = wat::parse_str("(module (memory 200))").unwrap();
    let error = load(&Guest::new(Kind::Combat).with_instances(&core, 4)).unwrap_err();
    let LoadError::Start { failure: FailureKind::OutOfMemory { asked, limit, .. }, .. } = error else {
        panic!("{error}")
    };
    assert!(asked > limit);
}

/// Rule: core instances of one component.
#[test]
fn hundreds_of_instances() {
    let core = wat::parse_str("(module)").unwrap();
    let error = load(&Guest::new(Kind::Combat).with_instances(&core, 500)).unwrap_err();
    assert!(matches!(error, LoadError::Start { .. }), "{error}");
    assert!(error.to_string().contains("instance"), "{error}");
}

/// Rule: fuel to instantiate.
#[test]
fn a_start_function_that_never_ends() {
    let error = beside("(module (func $spin (loop $again (br $again))) (start $spin))");
    let LoadError::Start { failure: FailureKind::OutOfFuel { .. }, .. } = error else { panic!("{error}") };
}

/// Rule: the deadline to load, where fuel counts a copy of megabytes as one instruction.
#[test]
fn a_start_function_that_copies_for_ever() {
    let core = "(module (memory 256) (func $copy (loop $again
        (memory.copy (i32.const 0) (i32.const 8388608) (i32.const 8388608)) (br $again)))
        (start $copy))";
    let engine = host_api::Engine::new(
        host_api::Limits { deadline_load_epochs: 4, ..host_api::Limits::default() },
        None,
    );
    let bytes = Guest::new(Kind::Combat).with_module(&wat::parse_str(core).unwrap());
    let error = Module::load(&engine.unwrap(), &bytes).unwrap_err();
    let LoadError::Start { failure, .. } = error else { panic!("{error}") };
    assert!(matches!(failure, FailureKind::Deadline { .. } | FailureKind::OutOfFuel { .. }), "{failure}");
}

/// Rule: bytes of memory, asked for by the start function.
#[test]
fn a_memory_bomb_in_the_start_function() {
    let error = beside(
        "(module (memory 1) (func $bomb (loop $again
            (if (i32.eq (memory.grow (i32.const 64)) (i32.const -1)) (then unreachable)) (br $again)))
            (start $bomb))",
    );
    let LoadError::Start { failure: FailureKind::OutOfMemory { .. }, .. } = error else { panic!("{error}") };
}

/// Rule: bytes of the native stack.
#[test]
fn a_start_function_that_calls_itself() {
    let error = beside("(module (func $deeper (call $deeper) (call $deeper)) (start $deeper))");
    assert!(error.to_string().contains("stack"), "{error}");
}

/// Rule: bytes of debug sections.
#[test]
fn debug_sections_of_nine_megabytes() {
    let mut core = wat::parse_str("(module)").unwrap();
    let mut body = vec![11];
    body.extend_from_slice(b".debug_line");
    body.resize(9 << 20, 0);
    crate::fixture::section(&mut core, 0, &body);
    let error = load(&Guest::new(Kind::Combat).with_module(&core)).unwrap_err();
    assert!(
        matches!(error, LoadError::Scan(ScanError::TooMany { what: "bytes of debug sections", .. })),
        "{error}"
    );
}

/// Rule: log lines a call may write. The host's work for them costs no fuel.
#[test]
fn a_million_log_lines() {
    let flood = "(loop $again (call $log (i32.const 1) (i32.const 0) (i32.const 0)) (br $again))";
    let mut rules = rules_with(&Guest::combat_for(117, flood));
    let attacks = attacks(64);
    let answers = resolve(&mut rules, &attacks);
    assert_eq!(unserved(&attacks, &answers), [117]);
    let failures = rules.drain_failures();
    let [failure] = failures.as_slice() else { panic!("{failures:?}") };
    assert!(matches!(failure.kind, FailureKind::LogFlood { lines: 4_097, bytes: 0, .. }), "{failure}");
    assert!(failure.view.as_ref().is_some_and(|view| view.contains("id: 117,")), "{failure:?}");
    let said = failure.kind.to_string();
    assert!(said.starts_with("flooded the log: 4097 lines of 0 bytes in one call"), "{said}");
}

/// Rule: bytes of all log lines of a call.
#[test]
fn log_lines_of_half_a_megabyte() {
    // Zeros, from where nothing was written.
    let flood = "(call $log (i32.const 1) (i32.const 131072) (i32.const 100000))";
    let mut guest = Guest::combat_for(103, &flood.repeat(12));
    guest.fields = "(func $room (drop (memory.grow (i32.const 4)))) (start $room)".into();
    let mut rules = rules_with(&guest);
    let attacks = attacks(8);
    assert_eq!(unserved(&attacks, &resolve(&mut rules, &attacks)), [103]);
    let kind = &rules.drain_failures()[0].kind;
    assert!(matches!(kind, FailureKind::LogFlood { lines: 11, bytes: 1_100_000, .. }), "{kind:?}");
}
