//! `docs/reference.md` is `wit/`, for people: written by this test, never by hand.

use expect_test::expect_file;
use std::fmt::Write as _;
use std::path::Path;
use wit_parser::{Docs, Function, InterfaceId, Resolve, Type, TypeDefKind, TypeId, TypeOwner};

const HEAD: &str = "# Script interface, field by field

Made from `wit/` by `UPDATE_EXPECT=1 cargo test -p host-api reference`; change it there. What the words mean
and how the host calls a script stands in [scripting.md](scripting.md).
";

/// The name of a type as WIT writes it.
fn name_of(resolve: &Resolve, ty: &Type) -> String {
    let Type::Id(id) = ty else { return format!("{ty:?}").to_lowercase() };
    let def = &resolve.types[*id];
    if let Some(name) = &def.name {
        return name.clone();
    }
    match &def.kind {
        TypeDefKind::List(inner) => format!("list of {}", name_of(resolve, inner)),
        TypeDefKind::Option(inner) => format!("{} or none", name_of(resolve, inner)),
        TypeDefKind::Tuple(tuple) => {
            let names: Vec<String> = tuple.types.iter().map(|ty| name_of(resolve, ty)).collect();
            format!("({})", names.join(", "))
        }
        TypeDefKind::Result(result) => {
            let side = |ty: &Option<Type>| {
                ty.as_ref().map_or_else(|| "nothing".to_owned(), |ty| name_of(resolve, ty))
            };
            format!("{} or error {}", side(&result.ok), side(&result.err))
        }
        other => panic!("{} has no words yet", other.as_str()),
    }
}

/// A documentation comment in one line.
fn line(docs: &Docs) -> String {
    let text = docs.contents.as_deref().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn paragraph(out: &mut String, docs: &Docs) {
    if !docs.is_empty() {
        writeln!(out, "\n{}", line(docs)).unwrap();
    }
}

fn fields<'a>(out: &mut String, columns: &str, rows: impl Iterator<Item = (&'a str, String, &'a Docs)>) {
    let typed = columns.matches('|').count() == 4;
    let dashes = if typed { "|---|---|---|" } else { "|---|---|" };
    writeln!(out, "\n{columns}\n{dashes}").unwrap();
    for (name, ty, docs) in rows {
        match typed {
            true => writeln!(out, "| `{name}` | {ty} | {} |", line(docs)).unwrap(),
            false => writeln!(out, "| `{name}` | {} |", line(docs)).unwrap(),
        }
    }
}

fn describe_type(out: &mut String, resolve: &Resolve, interface: InterfaceId, name: &str, id: TypeId) {
    let def = &resolve.types[id];
    // What an interface uses of another is described there.
    if let TypeDefKind::Type(Type::Id(target)) = &def.kind
        && resolve.types[*target].owner != TypeOwner::Interface(interface)
    {
        return;
    }
    let kind = match &def.kind {
        TypeDefKind::Type(target) => format!(", a {}", name_of(resolve, target)),
        other => format!(", {}", other.as_str()),
    };
    writeln!(out, "\n### `{name}`{kind}").unwrap();
    paragraph(out, &def.docs);
    match &def.kind {
        TypeDefKind::Record(record) => fields(
            out,
            "| field | type | |",
            record.fields.iter().map(|field| (&*field.name, name_of(resolve, &field.ty), &field.docs)),
        ),
        TypeDefKind::Variant(variant) => fields(
            out,
            "| case | of | |",
            variant.cases.iter().map(|case| {
                let of = case.ty.as_ref().map_or_else(String::new, |ty| name_of(resolve, ty));
                (&*case.name, of, &case.docs)
            }),
        ),
        TypeDefKind::Enum(cases) if cases.cases.iter().all(|case| case.docs.is_empty()) => {
            let names: Vec<String> = cases.cases.iter().map(|case| format!("`{}`", case.name)).collect();
            writeln!(out, "\n{}", names.join(", ")).unwrap();
        }
        TypeDefKind::Enum(cases) => {
            fields(out, "| case | |", cases.cases.iter().map(|case| (&*case.name, String::new(), &case.docs)))
        }
        TypeDefKind::Flags(flags) => {
            fields(out, "| flag | |", flags.flags.iter().map(|flag| (&*flag.name, String::new(), &flag.docs)))
        }
        TypeDefKind::Type(_) => {}
        other => panic!("{} has no words yet", other.as_str()),
    }
}

fn describe_function(out: &mut String, resolve: &Resolve, function: &Function) {
    let takes: Vec<String> = function
        .params
        .iter()
        .map(|param| format!("{}: {}", param.name, name_of(resolve, &param.ty)))
        .collect();
    let gives =
        function.result.as_ref().map_or_else(String::new, |ty| format!(" → {}", name_of(resolve, ty)));
    writeln!(out, "\n### `{}`, function\n\n({}){gives}", function.name, takes.join(", ")).unwrap();
    paragraph(out, &function.docs);
}

fn reference() -> String {
    let mut resolve = Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let (package, _) = resolve.push_dir(wit).unwrap();
    let package = &resolve.packages[package];
    let mut out = HEAD.to_owned();
    writeln!(out, "\nPackage `{}`.", package.name).unwrap();
    let mut interfaces: Vec<(&String, &InterfaceId)> = package.interfaces.iter().collect();
    interfaces.sort();
    for (name, id) in interfaces {
        let interface = &resolve.interfaces[*id];
        writeln!(out, "\n## {name}").unwrap();
        paragraph(&mut out, &interface.docs);
        for function in interface.functions.values() {
            describe_function(&mut out, &resolve, function);
        }
        for (name, ty) in &interface.types {
            describe_type(&mut out, &resolve, *id, name, *ty);
        }
    }
    out
}

#[test]
fn the_reference_says_what_the_interface_says() {
    expect_file!["../../../docs/reference.md"].assert_eq(&reference());
}
