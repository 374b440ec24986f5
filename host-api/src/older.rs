//! Components of an API version before the current one. Their exports are found by name and typed when they
//! are called, because most interfaces have not changed: these are called with the records of today. What has
//! changed is converted in `convert`, beside the records it concerns.

use crate::api::Api;
use crate::instance::ScriptState;
use crate::manifest::{Export, Kind};
use wasmtime::component::{
    ComponentExportIndex, ComponentNamedList, ComponentType, Func, InstancePre, Lift, Lower,
};
use wasmtime::{Store, format_err};

/// A linked component of an older version.
#[derive(Clone)]
pub(crate) struct Older {
    pre: InstancePre<ScriptState>,
    functions: Vec<(Export, ComponentExportIndex)>,
}

/// The exports of one instance of it.
pub(crate) struct OlderExports {
    functions: Vec<(Export, Func)>,
}

impl Older {
    /// Finds what a script of `kind` exports in that version.
    ///
    /// # Errors
    /// An export is missing.
    pub(crate) fn new(pre: InstancePre<ScriptState>, kind: Kind, api: Api) -> wasmtime::Result<Self> {
        let interface = api.interface(kind);
        let component = pre.component();
        let instance = component
            .get_export_index(None, &interface)
            .ok_or_else(|| format_err!("no exported instance named `{interface}`"))?;
        let find = |&export: &Export| {
            let function = export.function();
            let index = component.get_export_index(Some(&instance), function).ok_or_else(|| {
                format_err!("instance export `{interface}` does not have export `{function}`")
            })?;
            Ok((export, index))
        };
        let functions = kind.exports().iter().map(find).collect::<wasmtime::Result<_>>()?;
        Ok(Self { pre, functions })
    }

    /// Instantiates.
    ///
    /// # Errors
    /// As instantiating any component; an export that is no function.
    pub(crate) fn instantiate(&self, store: &mut Store<ScriptState>) -> wasmtime::Result<OlderExports> {
        let instance = self.pre.instantiate(&mut *store)?;
        let load = |(export, index): &(Export, ComponentExportIndex)| {
            let function = instance.get_func(&mut *store, index);
            Ok((*export, function.ok_or_else(|| format_err!("export `{export}` is not a function"))?))
        };
        let functions = self.functions.iter().map(load).collect::<wasmtime::Result<_>>()?;
        Ok(OlderExports { functions })
    }
}

impl OlderExports {
    /// The function of an export of the component's kind.
    pub(crate) fn function(&self, export: Export) -> Func {
        let found = self.functions.iter().find(|(known, _)| *known == export);
        found.unwrap_or_else(|| unreachable!("{export} is called on an instance of another kind")).1
    }
}

/// Calls a function that takes a context and a batch of `Wire` and answers with a batch of `Reply`. Comparing
/// its type with theirs takes less than a microsecond a call.
///
/// # Errors
/// Its type is another one, or the call fails.
pub(crate) fn call<Context, Wire, Reply>(
    function: Func,
    store: &mut Store<ScriptState>,
    ctx: Context,
    views: &[Wire],
) -> wasmtime::Result<Vec<Reply>>
where
    Context: ComponentType + Lower,
    Wire: ComponentType + Lower,
    Reply: ComponentType + Lift + 'static,
    (Vec<Reply>,): ComponentNamedList,
{
    let function = function.typed::<(Context, &[Wire]), (Vec<Reply>,)>(&mut *store)?;
    Ok(function.call(store, (ctx, views))?.0)
}
