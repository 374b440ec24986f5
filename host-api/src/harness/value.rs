//! Between JSON and component values, led by the component's own types.
//!
//! Names are those of `wit/`; `-`, `_` and capitals are not told apart, so that `attacker_level` and
//! `ReturnHome` are understood too. A definition's id may be written as its name (`ability/bite`), and
//! comes back as that name once it was seen.

use serde_json::{Map, Value};
use sim::def_id;
use std::collections::BTreeMap;
use std::fmt;
use wasmtime::component::{Type, Val};

/// Names listed in one error.
const LISTED: usize = 40;

/// Why a value is not one of its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueError {
    /// Where, as in `view.progress.state`; empty at the top.
    pub path: String,
    /// What is wrong.
    pub reason: String,
    /// The wrong name, if it is one.
    pub wrong: Option<String>,
    /// Names that would have been right.
    pub known: Vec<String>,
}

impl ValueError {
    /// The same, seen from what `name` is a part of.
    pub(super) fn within(mut self, name: &str) -> Self {
        self.path = match self.path.as_str() {
            "" => name.to_owned(),
            item if item.starts_with('[') => format!("{name}{item}"),
            inner => format!("{name}.{inner}"),
        };
        self
    }

    fn within_item(self, at: usize) -> Self {
        self.within(&format!("[{at}]"))
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.reason)?;
        match self.known.as_slice() {
            [] => Ok(()),
            known => write!(f, "; there are {}", known[..known.len().min(LISTED)].join(", ")),
        }
    }
}

impl std::error::Error for ValueError {}

/// Names of definitions by id.
pub(super) type Names = BTreeMap<u32, String>;

/// Makes values; later layers override earlier ones, field by field.
pub(super) struct Lowering<'a> {
    /// Definitions named on the way.
    pub(super) names: &'a mut Names,
    /// Fields the type does not have are passed over: the layer was not written for this module.
    pub(super) lenient: bool,
}

impl Lowering<'_> {
    /// A value of type `ty`. What no layer says is zero, the first case, or empty.
    pub(super) fn value(&mut self, ty: &Type, layers: &[&Value]) -> Result<Val, ValueError> {
        if let Type::Record(record) = ty {
            return self.record(record, layers);
        }
        let Some(top) = layers.iter().rfind(|layer| !layer.is_null()) else { return Ok(zero(ty)) };
        self.leaf(ty, top)
    }

    fn record(
        &mut self,
        record: &wasmtime::component::types::Record,
        layers: &[&Value],
    ) -> Result<Val, ValueError> {
        let mut tables = Vec::with_capacity(layers.len());
        for layer in layers.iter().filter(|layer| !layer.is_null()) {
            let table = layer.as_object().ok_or_else(|| wrong("a table of fields", layer))?;
            if !self.lenient {
                known_fields(record, table)?;
            }
            tables.push(table);
        }
        let mut fields = Vec::with_capacity(record.fields().len());
        let mut given: Vec<&Value> = Vec::with_capacity(tables.len());
        for field in record.fields() {
            given.clear();
            given.extend(tables.iter().filter_map(|table| find(table, field.name)));
            let value = self.value(&field.ty, &given).map_err(|error| error.within(field.name))?;
            fields.push((field.name.to_owned(), value));
        }
        Ok(Val::Record(fields))
    }

    fn leaf(&mut self, ty: &Type, value: &Value) -> Result<Val, ValueError> {
        let bad = |expected: &str| wrong(expected, value);
        Ok(match ty {
            Type::Bool => Val::Bool(value.as_bool().ok_or_else(|| bad("true or false"))?),
            Type::S8 => Val::S8(integer(value)?),
            Type::U8 => Val::U8(integer(value)?),
            Type::S16 => Val::S16(integer(value)?),
            Type::U16 => Val::U16(integer(value)?),
            Type::S32 => Val::S32(integer(value)?),
            Type::U32 => Val::U32(match value.as_str() {
                Some(name) if name.contains('/') => self.definition(name),
                _ => integer(value)?,
            }),
            Type::S64 => Val::S64(integer(value)?),
            Type::U64 => Val::U64(integer(value)?),
            Type::Float32 => Val::Float32(value.as_f64().ok_or_else(|| bad("a number"))? as f32),
            Type::Float64 => Val::Float64(value.as_f64().ok_or_else(|| bad("a number"))?),
            Type::Char => {
                let mut chars = value.as_str().unwrap_or_default().chars();
                match (chars.next(), chars.next()) {
                    (Some(only), None) => Val::Char(only),
                    _ => return Err(bad("one character")),
                }
            }
            Type::String => Val::String(value.as_str().ok_or_else(|| bad("a text"))?.to_owned()),
            Type::List(list) => {
                let items = value.as_array().ok_or_else(|| bad("a list"))?;
                let ty = list.ty();
                let each = |(at, item)| self.value(&ty, &[item]).map_err(|error| error.within_item(at));
                Val::List(items.iter().enumerate().map(each).collect::<Result<_, _>>()?)
            }
            Type::Tuple(tuple) => {
                let items = value.as_array().filter(|items| items.len() == tuple.types().len());
                let items = items.ok_or_else(|| bad("a list of as many values as the tuple has"))?;
                let each = |(at, (ty, item)): (usize, (Type, &Value))| {
                    self.value(&ty, &[item]).map_err(|error| error.within_item(at))
                };
                let items = tuple.types().zip(items).enumerate();
                Val::Tuple(items.map(each).collect::<Result<_, _>>()?)
            }
            Type::Enum(cases) => {
                let name = value.as_str().ok_or_else(|| bad("the name of a case"))?;
                let case = cases.names().find(|case| same_name(case, name));
                let case = case.ok_or_else(|| no_such("case", name, cases.names()))?;
                Val::Enum(case.to_owned())
            }
            Type::Flags(flags) => {
                let set = value.as_array().ok_or_else(|| bad("a list of flags"))?;
                let mut names = Vec::with_capacity(set.len());
                for flag in set {
                    let name = flag.as_str().ok_or_else(|| bad("a list of flags"))?;
                    let known = flags.names().find(|known| same_name(known, name));
                    names.push(known.ok_or_else(|| no_such("flag", name, flags.names()))?.to_owned());
                }
                Val::Flags(names)
            }
            Type::Variant(variant) => self.variant(variant, value)?,
            Type::Option(option) => Val::Option(Some(Box::new(self.value(&option.ty(), &[value])?))),
            Type::Record(record) => self.record(record, &[value])?,
            _ => return Err(bad("nothing that could be written by hand")),
        })
    }

    /// `"case"`, or `{ case = payload }`.
    fn variant(
        &mut self,
        variant: &wasmtime::component::types::Variant,
        value: &Value,
    ) -> Result<Val, ValueError> {
        let (name, payload) = match value {
            Value::String(name) => (name, None),
            Value::Object(table) if table.len() == 1 => {
                let (name, payload) = table.iter().next().unwrap_or_else(|| unreachable!("one entry"));
                (name, Some(payload))
            }
            _ => return Err(wrong("\"CASE\" or { CASE = VALUE }", value)),
        };
        let names = || variant.cases().map(|case| case.name.to_owned()).collect::<Vec<_>>();
        let case = variant.cases().find(|case| same_name(case.name, name));
        let case = case.ok_or_else(|| no_such("case", name, names().iter().map(String::as_str)))?;
        let payload = match (&case.ty, payload) {
            (None, None | Some(Value::Null)) => None,
            (None, Some(payload)) => {
                return Err(wrong("no value with this case", payload).within(case.name));
            }
            (Some(ty), payload) => {
                let layers: Vec<&Value> = payload.into_iter().collect();
                let value = self.value(ty, &layers).map_err(|error| error.within(case.name))?;
                Some(Box::new(value))
            }
        };
        Ok(Val::Variant(case.name.to_owned(), payload))
    }

    fn definition(&mut self, name: &str) -> u32 {
        let id = def_id(name).0;
        self.names.entry(id).or_insert_with(|| name.to_owned());
        id
    }
}

/// A number, or a text with one that is too large for TOML (`"0xffff_ffff_ffff_ffff"`).
fn integer<T: TryFrom<i128>>(value: &Value) -> Result<T, ValueError> {
    let parsed = match value {
        Value::Number(number) => number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from)),
        Value::String(text) => parse_integer(text),
        _ => None,
    };
    let whole = parsed.ok_or_else(|| wrong("a whole number", value))?;
    T::try_from(whole).map_err(|_| {
        let bits = size_of::<T>() * 8;
        wrong(&format!("a whole number of {bits} bits and this sign"), value)
    })
}

fn parse_integer(text: &str) -> Option<i128> {
    let plain = text.replace('_', "");
    match plain.strip_prefix("0x") {
        Some(hex) => i128::from_str_radix(hex, 16).ok(),
        None => plain.parse().ok(),
    }
}

/// A component value as JSON.
pub(super) fn json(value: &Val, names: &Names) -> Value {
    let list = |items: &[Val]| Value::Array(items.iter().map(|item| json(item, names)).collect());
    match value {
        Val::Bool(is) => Value::from(*is),
        Val::S8(number) => Value::from(*number),
        Val::U8(number) => Value::from(*number),
        Val::S16(number) => Value::from(*number),
        Val::U16(number) => Value::from(*number),
        Val::S32(number) => Value::from(*number),
        Val::U32(number) => {
            names.get(number).map_or_else(|| Value::from(*number), |name| name.clone().into())
        }
        Val::S64(number) => Value::from(*number),
        Val::U64(number) => Value::from(*number),
        Val::Float32(number) => Value::from(*number),
        Val::Float64(number) => Value::from(*number),
        Val::Char(char) => Value::from(char.to_string()),
        Val::String(text) | Val::Enum(text) => Value::from(text.as_str()),
        Val::List(items) | Val::Tuple(items) | Val::FixedLengthList(items) => list(items),
        Val::Record(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), json(value, names))).collect())
        }
        Val::Variant(case, None) => Value::from(case.as_str()),
        Val::Variant(case, Some(payload)) => one(case, json(payload, names)),
        Val::Option(inner) => inner.as_ref().map_or(Value::Null, |inner| json(inner, names)),
        Val::Result(result) => {
            let (name, inner) = match result {
                Ok(inner) => ("ok", inner),
                Err(inner) => ("err", inner),
            };
            one(name, inner.as_ref().map_or(Value::Null, |inner| json(inner, names)))
        }
        Val::Flags(flags) => flags.iter().map(|flag| Value::from(flag.as_str())).collect(),
        // Scripts are granted no resources, streams or futures: the scan refuses them.
        _ => Value::Null,
    }
}

/// The JSON that the bindings' own types read and write: `snake_case` fields, `CamelCase` cases.
pub(super) fn bindings_json(value: &Val) -> Value {
    match value {
        Val::Record(fields) => {
            let field = |(name, value): &(String, Val)| (name.replace('-', "_"), bindings_json(value));
            Value::Object(fields.iter().map(field).collect())
        }
        Val::Enum(case) | Val::Variant(case, None) => camel(case).into(),
        Val::Variant(case, Some(payload)) => one(&camel(case), bindings_json(payload)),
        Val::List(items) | Val::Tuple(items) => items.iter().map(bindings_json).collect(),
        Val::Option(Some(inner)) => bindings_json(inner),
        plain => json(plain, &Names::new()),
    }
}

fn camel(name: &str) -> String {
    let capital = |word: &str| {
        let mut chars = word.chars();
        chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect::<String>()
    };
    name.split('-').map(capital).collect()
}

/// Zero, the first case, or empty.
fn zero(ty: &Type) -> Val {
    match ty {
        Type::Bool => Val::Bool(false),
        Type::S8 => Val::S8(0),
        Type::U8 => Val::U8(0),
        Type::S16 => Val::S16(0),
        Type::U16 => Val::U16(0),
        Type::S32 => Val::S32(0),
        Type::U32 => Val::U32(0),
        Type::S64 => Val::S64(0),
        Type::U64 => Val::U64(0),
        Type::Float32 => Val::Float32(0.0),
        Type::Float64 => Val::Float64(0.0),
        Type::Char => Val::Char('\0'),
        Type::String => Val::String(String::new()),
        Type::Record(record) => {
            Val::Record(record.fields().map(|field| (field.name.to_owned(), zero(&field.ty))).collect())
        }
        Type::Tuple(tuple) => Val::Tuple(tuple.types().map(|ty| zero(&ty)).collect()),
        Type::Enum(cases) => Val::Enum(cases.names().next().unwrap_or_default().to_owned()),
        Type::Variant(variant) => match variant.cases().next() {
            Some(case) => Val::Variant(case.name.to_owned(), case.ty.map(|ty| Box::new(zero(&ty)))),
            None => Val::Variant(String::new(), None),
        },
        Type::Option(_) => Val::Option(None),
        Type::Flags(_) => Val::Flags(Vec::new()),
        _ => Val::List(Vec::new()),
    }
}

/// A type in words, records to one level: `s32`, `miss | hit`, `{ x-mm: s32, y-mm: s32 }`.
pub(super) fn describe(ty: &Type) -> String {
    match ty {
        Type::Bool => "bool".to_owned(),
        Type::S8 => "s8".to_owned(),
        Type::U8 => "u8".to_owned(),
        Type::S16 => "s16".to_owned(),
        Type::U16 => "u16".to_owned(),
        Type::S32 => "s32".to_owned(),
        Type::U32 => "u32".to_owned(),
        Type::S64 => "s64".to_owned(),
        Type::U64 => "u64".to_owned(),
        Type::Float32 => "f32".to_owned(),
        Type::Float64 => "f64".to_owned(),
        Type::Char => "char".to_owned(),
        Type::String => "text".to_owned(),
        Type::List(list) => format!("list of {}", describe(&list.ty())),
        Type::Option(option) => format!("{}, or nothing", describe(&option.ty())),
        Type::Enum(cases) => cases.names().collect::<Vec<_>>().join(" | "),
        Type::Flags(flags) => format!("any of {}", flags.names().collect::<Vec<_>>().join(", ")),
        Type::Variant(variant) => {
            let case = |case: wasmtime::component::types::Case<'_>| match &case.ty {
                Some(ty) => format!("{} ({})", case.name, describe(ty)),
                None => case.name.to_owned(),
            };
            variant.cases().map(case).collect::<Vec<_>>().join(" | ")
        }
        Type::Record(record) => {
            let field = |field: wasmtime::component::types::Field<'_>| {
                format!("{}: {}", field.name, describe(&field.ty))
            };
            format!("{{ {} }}", record.fields().map(field).collect::<Vec<_>>().join(", "))
        }
        Type::Tuple(tuple) => {
            format!("[{}]", tuple.types().map(|ty| describe(&ty)).collect::<Vec<_>>().join(", "))
        }
        _ => "?".to_owned(),
    }
}

fn one(name: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), value)]))
}

fn known_fields(
    record: &wasmtime::component::types::Record,
    table: &Map<String, Value>,
) -> Result<(), ValueError> {
    let unknown = |name: &&String| !record.fields().any(|field| same_name(field.name, name));
    match table.keys().find(unknown) {
        None => Ok(()),
        Some(name) => {
            let fields: Vec<String> = record.fields().map(|field| field.name.to_owned()).collect();
            Err(no_such("field", name, fields.iter().map(String::as_str)))
        }
    }
}

/// The field of this name, as written in `wit/` or as Rust would write it.
fn find<'a>(table: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let exact = table.get(name);
    exact.or_else(|| table.iter().find(|(key, _)| same_name(key, name)).map(|(_, value)| value))
}

/// Whether two names are the same but for `-`, `_` and capitals.
pub(super) fn same_name(a: &str, b: &str) -> bool {
    fn letters(name: &str) -> impl Iterator<Item = u8> + '_ {
        name.bytes().filter(|byte| !matches!(byte, b'-' | b'_')).map(|byte| byte.to_ascii_lowercase())
    }
    a == b || letters(a).eq(letters(b))
}

fn wrong(expected: &str, got: &Value) -> ValueError {
    let got: String = got.to_string().chars().take(80).collect();
    let reason = format!("{expected} is expected, not {got}");
    ValueError { path: String::new(), reason, wrong: None, known: Vec::new() }
}

fn no_such<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> ValueError {
    let name: String = name.chars().take(80).collect();
    ValueError {
        path: String::new(),
        reason: format!("there is no {what} `{name}`"),
        wrong: Some(name),
        known: known.into_iter().map(str::to_owned).collect(),
    }
}
