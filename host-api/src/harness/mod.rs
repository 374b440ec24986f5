//! Asking a module by hand, without a world: views and answers as JSON, by the names of the module's
//! own interface. Every kind of script, also one that does not exist yet, is asked in the same way: for
//! its author's tests, for a call from the command line, for measuring.
//!
//! What a call may cost is what it may cost in a zone; fuel is the same to the unit. Only the crossing
//! itself is slower than that of `convert`, which knows the types beforehand; `clock` measures that one.

mod clock;
mod sample;
mod sequel;
mod value;

pub use clock::Clocked;
pub use sample::RecordedCall;
pub use sequel::Sequel;
pub use value::ValueError;

use crate::bindings::log::Level;
use crate::failure::{BadOutput, FailureKind};
use crate::instance::{ScriptState, admit, prepare};
use crate::limits::Allowance;
use crate::module::Module;
use serde_json::{Value, json};
use std::time::Instant;
use value::{Lowering, Names};
use wasmtime::Store;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{ComponentExportIndex, Instance, Type, Val};

/// A module in an instance of its own.
pub struct Harness {
    module: Module,
    functions: Vec<Function>,
    names: Names,
    /// `None` before the first call and after a failed one.
    live: Option<(Store<ScriptState>, Instance)>,
}

/// One exported function that answers batches.
struct Function {
    /// `combat.resolve`.
    name: String,
    /// Among the exports of the module's kind.
    place: Option<usize>,
    index: ComponentExportIndex,
    context: Type,
    view: Type,
    answer: Type,
}

/// What a call is told besides its views, ready to be told.
#[derive(Clone, Debug)]
pub struct Told(Val);

/// One view, ready to be asked about.
#[derive(Clone, Debug)]
pub struct View {
    value: Val,
    id: Option<u64>,
}

/// What came of a call.
#[derive(Clone, Debug)]
pub struct Called {
    /// One answer per view, in order; or how the call failed, with file and line as far as the module
    /// has them.
    pub outcome: Result<Vec<Value>, FailureKind>,
    /// Fuel used, of all calls if the views took several.
    pub fuel: u64,
    /// Nanoseconds.
    pub time_ns: u64,
    /// Level and text of the lines the script wrote, a panic's message among them.
    pub log: Vec<(&'static str, String)>,
}

/// Why a module cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum HarnessError {
    /// It has no such function.
    #[error("{module} has no function `{wanted}`; it has {}", known.join(", "))]
    NoFunction {
        /// Label of the module.
        module: String,
        /// As asked.
        wanted: String,
        /// All of them.
        known: Vec<String>,
    },
    /// Several functions, none chosen.
    #[error("{module} has several functions; say which: {}", known.join(", "))]
    WhichFunction {
        /// Label of the module.
        module: String,
        /// All of them.
        known: Vec<String>,
    },
    /// A view or context does not have its type.
    #[error(transparent)]
    Value(#[from] ValueError),
}

impl Harness {
    /// For this module; nothing is called yet.
    pub fn new(module: &Module) -> Self {
        Self { module: module.clone(), functions: functions(module), names: Names::new(), live: None }
    }

    /// The module that is asked.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// The functions that can be asked, as `combat.resolve`.
    pub fn functions(&self) -> impl Iterator<Item = &str> {
        self.functions.iter().map(|function| function.name.as_str())
    }

    /// The function of this name, with or without its interface; the only one if none is named.
    ///
    /// # Errors
    /// There is none, or none is named and there are several.
    pub fn function(&self, wanted: Option<&str>) -> Result<&str, HarnessError> {
        let known = || self.functions().map(str::to_owned).collect();
        let module = || self.module.label().to_owned();
        let Some(wanted) = wanted else {
            return match self.functions.as_slice() {
                [only] => Ok(&only.name),
                _ => Err(HarnessError::WhichFunction { module: module(), known: known() }),
            };
        };
        let is =
            |name: &&str| *name == wanted || name.split_once('.').is_some_and(|(_, last)| last == wanted);
        self.functions().find(is).ok_or_else(|| HarnessError::NoFunction {
            module: module(),
            wanted: wanted.chars().take(80).collect(),
            known: known(),
        })
    }

    /// Fields of a function's view and of its answer, with their types in words.
    ///
    /// # Errors
    /// There is no such function.
    pub fn fields(&self, function: &str) -> Result<[Vec<(String, String)>; 2], HarnessError> {
        let function = self.find(function)?;
        Ok([&function.view, &function.answer].map(|ty| match ty {
            Type::Record(record) => {
                record.fields().map(|field| (field.name.to_owned(), value::describe(&field.ty))).collect()
            }
            other => vec![(String::new(), value::describe(other))],
        }))
    }

    /// Makes names of definitions known: where their ids occur in views and answers, the names are
    /// shown.
    pub fn learn(&mut self, names: impl IntoIterator<Item = String>) {
        self.names.extend(names.into_iter().map(|name| (sim::def_id(&name).0, name)));
    }

    /// A context. Where no layer says something, it is tick 1,000 of a zone at 20 Hz, at noon; later
    /// layers override earlier ones.
    ///
    /// # Errors
    /// There is no such function, or a field does not fit.
    pub fn context(&mut self, function: &str, layers: &[&Value]) -> Result<Told, HarnessError> {
        let ty = self.find(function)?.context.clone();
        let base = json!({"tick": 1_000, "tick-ms": 50, "minute-of-day": 720});
        let base = self.lower(&ty, &[&base], "context", true)?;
        let base = value::json(&base, &self.names);
        let layers: Vec<&Value> = std::iter::once(&base).chain(layers.iter().copied()).collect();
        Ok(Told(self.lower(&ty, &layers, "context", false)?))
    }

    /// A view. Later layers override earlier ones field by field; what none says is zero, the first
    /// case, or empty, but for the id, which is `id`.
    ///
    /// # Errors
    /// There is no such function, or a field does not fit.
    pub fn view(&mut self, function: &str, id: u64, layers: &[&Value]) -> Result<View, HarnessError> {
        let ty = self.find(function)?.view.clone();
        let mut value = self.lower(&ty, layers, "view", false)?;
        if id_of(&value) == Some(0) {
            set_id(&mut value, id);
        }
        Ok(View { id: id_of(&value), value })
    }

    /// A context as JSON.
    pub fn show_context(&self, told: &Told) -> Value {
        value::json(&told.0, &self.names)
    }

    /// A view as JSON.
    pub fn show(&self, view: &View) -> Value {
        value::json(&view.value, &self.names)
    }

    /// What one field of a view can be, for those who draw values at random. A path leads through lists as if
    /// they were their items.
    ///
    /// # Errors
    /// There is no such function or field.
    pub fn domain(&self, function: &str, path: &str) -> Result<Domain, HarnessError> {
        domain(&self.find(function)?.view, path, "view")
    }

    /// What one field of an answer can be.
    ///
    /// # Errors
    /// There is no such function or field.
    pub fn answer_domain(&self, function: &str, path: &str) -> Result<Domain, HarnessError> {
        domain(&self.find(function)?.answer, path, "answer")
    }

    /// Asks about all views, in calls of as many as a zone would put into one.
    ///
    /// # Errors
    /// There is no such function. How a call failed stands in [`Called::outcome`].
    pub fn ask(&mut self, function: &str, told: &Told, views: &[View]) -> Result<Called, HarnessError> {
        let function = self.find(function)?;
        let (index, place) = (function.index, function.place);
        let batch = self.module.batch(place);
        let mut all = Called { outcome: Ok(Vec::new()), fuel: 0, time_ns: 0, log: Vec::new() };
        // An empty batch is a call too.
        let first = std::iter::once(&views[..views.len().min(batch)]);
        for views in first.chain(views.chunks(batch).skip(1)) {
            let called = self.call(index, place, told, views);
            all.fuel += called.fuel;
            all.time_ns += called.time_ns;
            all.log.extend(called.log);
            match (&mut all.outcome, called.outcome) {
                (Ok(answers), Ok(more)) => answers.extend(more),
                (outcome, failed) => {
                    *outcome = failed;
                    break;
                }
            }
        }
        Ok(all)
    }

    fn call(
        &mut self,
        index: ComponentExportIndex,
        place: Option<usize>,
        told: &Told,
        views: &[View],
    ) -> Called {
        let failed = |kind| Called { outcome: Err(kind), fuel: 0, time_ns: 0, log: Vec::new() };
        let (mut store, instance) = match self.live.take().map_or_else(|| self.instantiate(), Ok) {
            Ok(live) => live,
            Err(kind) => return failed(kind),
        };
        // With their names, values take many times the bytes they have in a zone: the host's own bound holds.
        let output_bytes = self.module.engine().limits().output_bytes;
        let allowed = Allowance { output_bytes, ..self.module.allowance(place, views.len()) };
        let params = [told.0.clone(), Val::List(views.iter().map(|view| view.value.clone()).collect())];
        let mut results = [Val::Bool(false)];
        let begun = Instant::now();
        let called = match instance.get_func(&mut store, index) {
            Some(function) => {
                let ready = admit(&mut store, &allowed);
                ready.and_then(|_running| function.call(&mut store, &params, &mut results))
            }
            None => return failed(FailureKind::NoModule),
        };
        let time_ns = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let fuel = allowed.fuel.saturating_sub(store.get_fuel().unwrap_or(0));
        let log = store.data_mut().take_log().into_iter().map(|(level, line)| (name(level), line)).collect();
        let outcome = match called {
            Ok(()) => self.check(views, &results[0]),
            Err(error) => {
                let mut kind = store.data().failure(&error);
                self.module.locate(&mut kind);
                Err(kind)
            }
        };
        if outcome.is_ok() {
            self.live = Some((store, instance));
        }
        Called { outcome, fuel, time_ns, log }
    }

    fn instantiate(&self) -> Result<(Store<ScriptState>, Instance), FailureKind> {
        prepare(self.module.engine(), self.module.limits(), |store| {
            self.module.engine().linker().instantiate(store, self.module.component())
        })
        .map_err(|mut kind| {
            self.module.locate(&mut kind);
            kind
        })
    }

    /// One answer per view, with the id of its view.
    fn check(&self, views: &[View], answers: &Val) -> Result<Vec<Value>, FailureKind> {
        let Val::List(answers) = answers else { return Err(FailureKind::NoModule) };
        let bad = |wrong| Err(FailureKind::BadOutput(wrong));
        if answers.len() != views.len() {
            return bad(BadOutput::Length { views: views.len(), answers: answers.len() });
        }
        for (view, answer) in views.iter().zip(answers) {
            if let (Some(asked), Some(answered)) = (view.id, id_of(answer))
                && asked != answered
            {
                return bad(BadOutput::Id { asked, answered });
            }
        }
        Ok(answers.iter().map(|answer| value::json(answer, &self.names)).collect())
    }

    fn find(&self, function: &str) -> Result<&Function, HarnessError> {
        let found = self.functions.iter().find(|known| known.name == function);
        found.ok_or_else(|| HarnessError::NoFunction {
            module: self.module.label().to_owned(),
            wanted: function.chars().take(80).collect(),
            known: self.functions().map(str::to_owned).collect(),
        })
    }

    fn lower(&mut self, ty: &Type, layers: &[&Value], path: &str, lenient: bool) -> Result<Val, ValueError> {
        Lowering { names: &mut self.names, lenient }.value(ty, layers).map_err(|error| error.within(path))
    }
}

/// What a field can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Domain {
    /// True or false.
    Bool,
    /// A whole number in this range.
    Integer(i128, i128),
    /// One of these names.
    Cases(Vec<String>),
    /// A list of what can be this.
    List(Box<Self>),
    /// Something else.
    Other,
}

impl Domain {
    fn of(ty: &Type) -> Self {
        match ty {
            Type::Bool => Self::Bool,
            Type::S8 => Self::Integer(i8::MIN.into(), i8::MAX.into()),
            Type::U8 => Self::Integer(0, u8::MAX.into()),
            Type::S16 => Self::Integer(i16::MIN.into(), i16::MAX.into()),
            Type::U16 => Self::Integer(0, u16::MAX.into()),
            Type::S32 => Self::Integer(i32::MIN.into(), i32::MAX.into()),
            Type::U32 => Self::Integer(0, u32::MAX.into()),
            Type::S64 => Self::Integer(i64::MIN.into(), i64::MAX.into()),
            Type::U64 => Self::Integer(0, u64::MAX.into()),
            Type::Enum(cases) => Self::Cases(cases.names().map(str::to_owned).collect()),
            Type::List(items) => Self::List(Box::new(Self::of(&items.ty()))),
            _ => Self::Other,
        }
    }
}

/// The domain of the field at a path such as `progress.memory`, or `phases.adds-count` of all items of a list.
fn domain(ty: &Type, path: &str, of: &str) -> Result<Domain, HarnessError> {
    let mut ty = ty.clone();
    for part in path.split('.') {
        if let Type::List(items) = &ty {
            ty = items.ty();
        }
        let fields: Vec<(String, Type)> = match &ty {
            Type::Record(record) => record.fields().map(|field| (field.name.to_owned(), field.ty)).collect(),
            _ => Vec::new(),
        };
        let Some((_, inner)) = fields.iter().find(|(name, _)| value::same_name(name, part)) else {
            return Err(HarnessError::Value(ValueError {
                path: of.to_owned(),
                reason: format!("there is no field `{path}`"),
                wrong: Some(part.to_owned()),
                known: fields.into_iter().map(|(name, _)| name).collect(),
            }));
        };
        ty = inner.clone();
    }
    Ok(Domain::of(&ty))
}

/// The functions of the kind's interface that take a context and a batch and give a batch.
fn functions(module: &Module) -> Vec<Function> {
    let (component, engine) = (module.component(), module.engine().wasmtime());
    let interface = format!("{}@", module.kind().interface());
    let ty = component.component_type();
    let mut functions = Vec::new();
    for (name, item) in ty.exports(engine).filter(|(name, _)| name.starts_with(&interface)) {
        let ComponentItem::ComponentInstance(instance) = item.ty else { continue };
        let Some(interface) = component.get_export_index(None, name) else { continue };
        for (function, item) in instance.exports(engine) {
            let ComponentItem::ComponentFunc(ty) = item.ty else { continue };
            let params: Vec<Type> = ty.params().map(|(_, ty)| ty).collect();
            let results: Vec<Type> = ty.results().collect();
            if let ([context @ Type::Record(_), Type::List(views)], [Type::List(answers)]) =
                (params.as_slice(), results.as_slice())
                && let Some(index) = component.get_export_index(Some(&interface), function)
            {
                let name = format!("{}.{function}", module.kind());
                let place = module.kind().exports().iter().position(|export| export.name() == name);
                functions.push(Function {
                    name,
                    place,
                    index,
                    context: context.clone(),
                    view: views.ty(),
                    answer: answers.ty(),
                });
            }
        }
    }
    functions
}

fn name(level: Level) -> &'static str {
    match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    }
}

fn id_of(value: &Val) -> Option<u64> {
    let Val::Record(fields) = value else { return None };
    match fields.iter().find(|(name, _)| name == "id")?.1 {
        Val::U32(id) => Some(id.into()),
        Val::U64(id) => Some(id),
        _ => None,
    }
}

fn set_id(value: &mut Val, id: u64) {
    let Val::Record(fields) = value else { return };
    match fields.iter_mut().find(|(name, _)| name == "id").map(|(_, value)| value) {
        Some(Val::U32(place)) => *place = id as u32,
        Some(Val::U64(place)) => *place = id,
        _ => {}
    }
}
