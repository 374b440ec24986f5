//! The crossing itself: a batch written into a script's memory and its answers read back, in one piece where their
//! records are flat, without memory of the host's own for a single answer.
//!
//! wasmtime lowers and lifts a list of records field by field, and for every field it looks the memory up and checks
//! its bounds again: two to four nanoseconds each, most of what a hot call costs. A list of records without
//! strings and lists is, by the canonical ABI, an array of pieces of one size; here it is written and read as such.
//! `tests` here and in `tests/it` compare the place of every field with what wit-parser says.
//!
//! It rests on what wasmtime calls internal: `Lower` and `Lift` by hand, and names in `__internal`. A new version of
//! wasmtime may need this file to change, and nothing else.

#![allow(unsafe_code)]

use crate::bindings::types;
use crate::convert::Hook;
use crate::instance::ScriptState;
use std::mem::MaybeUninit;
use std::ptr;
use std::vec;
use wasmtime::component::__internal::{
    CanonicalAbiInfo, InstanceType, InterfaceType, LiftContext, LowerContext,
};
use wasmtime::component::{ComponentType, Func, Lift, Lower, TypedFunc, WasmList};
use wasmtime::{Result, Store};

/// A record, or a field of one, without strings and lists.
pub(crate) trait Flat: ComponentType + Sized {
    /// Writes the value as the canonical ABI lays it out; `to` has its size.
    fn put(&self, to: &mut [u8]);

    /// Reads what was written so; `from` has its size.
    ///
    /// # Errors
    /// There is no such case.
    fn take(from: &[u8]) -> Result<Self>;
}

macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl Flat for $number {
            #[inline]
            fn put(&self, to: &mut [u8]) {
                to.copy_from_slice(&self.to_le_bytes());
            }

            #[inline]
            fn take(from: &[u8]) -> Result<Self> {
                let Some(bytes) = from.first_chunk() else { unreachable!("a piece has the size of its number") };
                Ok(<$number>::from_le_bytes(*bytes))
            }
        })*
    };
}

numbers! { u32, i32, u64, i64 }

impl Flat for bool {
    #[inline]
    fn put(&self, to: &mut [u8]) {
        to[0] = u8::from(*self);
    }

    #[inline]
    fn take(from: &[u8]) -> Result<Self> {
        Ok(from[0] != 0)
    }
}

/// Size and alignment of the field that `_field` borrows.
pub(crate) const fn field<R, T: ComponentType>(_field: fn(&R) -> &T) -> (usize, usize) {
    (T::SIZE32, T::ALIGN32 as usize)
}

/// Where each field of a record begins, by the sizes and alignments of all.
pub(crate) const fn offsets<const N: usize>(fields: [(usize, usize); N]) -> [usize; N] {
    let mut offsets = [0; N];
    let (mut at, mut i) = (0, 0);
    while i < N {
        let (size, align) = fields[i];
        at = usize::next_multiple_of(at, align);
        offsets[i] = at;
        at += size;
        i += 1;
    }
    offsets
}

/// [`Flat`] for records, by their fields in the order of `wit/`.
macro_rules! flat {
    ($($record:ty { $($name:ident),* $(,)? })*) => {
        $(const _: () = {
            const SIZE: usize = <$record as wasmtime::component::ComponentType>::SIZE32;
            const FIELDS: &[(usize, usize)] =
                &[$($crate::bulk::field(|record: &$record| &record.$name)),*];
            const OFFSETS: [usize; FIELDS.len()] =
                $crate::bulk::offsets([$($crate::bulk::field(|record: &$record| &record.$name)),*]);

            impl $crate::bulk::Flat for $record {
                #[inline]
                fn put(&self, to: &mut [u8]) {
                    let Some(to) = to.first_chunk_mut::<SIZE>() else { unreachable!("a piece has the size of its record") };
                    let mut fields = OFFSETS.iter().zip(FIELDS);
                    $(if let Some((&at, &(size, _))) = fields.next() {
                        $crate::bulk::Flat::put(&self.$name, &mut to[at..at + size]);
                    })*
                }

                #[inline]
                fn take(from: &[u8]) -> wasmtime::Result<Self> {
                    let Some(from) = from.first_chunk::<SIZE>() else { unreachable!("a piece has the size of its record") };
                    let mut fields = OFFSETS.iter().zip(FIELDS);
                    $(let $name = match fields.next() {
                        Some((&at, &(size, _))) => $crate::bulk::Flat::take(&from[at..at + size])?,
                        None => unreachable!("every field has its place"),
                    };)*
                    Ok(Self { $($name),* })
                }
            }
        };)*
    };
}

/// [`Flat`] for enums of at most 256 cases, by their cases in the order of `wit/`.
macro_rules! flat_enums {
    ($($wit:ident :: $name:ident { $($case:ident),* $(,)? })*) => {
        $(const _: () = {
            const CASES: &[$wit::$name] = &[$($wit::$name::$case),*];

            impl $crate::bulk::Flat for $wit::$name {
                #[inline]
                fn put(&self, to: &mut [u8]) {
                    to[0] = match *self { $($wit::$name::$case => $wit::$name::$case as u8),* };
                }

                #[inline]
                fn take(from: &[u8]) -> wasmtime::Result<Self> {
                    match CASES.get(usize::from(from[0])) {
                        Some(&case) => Ok(case),
                        None => Err(wasmtime::format_err!("unexpected discriminant: {}", from[0])),
                    }
                }
            }

            let mut at = 0;
            while at < CASES.len() {
                assert!(CASES[at] as usize == at, "cases are in the order of the interface");
                at += 1;
            }
        };)*
    };
}

pub(crate) use {flat, flat_enums};

flat! { types::Position { x_mm, y_mm } }
flat_enums! {
    types::Element { Physical, Fire, Frost, Lightning, Poison, Holy, Shadow, Arcane }
    types::Rarity { Poor, Common, Uncommon, Rare, Epic }
}

/// A view on its way: it becomes the record of the interface as it is written, so that there is no batch in between.
#[repr(transparent)]
struct Asked<H: Hook>(H::View);

/// A record of the interface on its way.
#[repr(transparent)]
struct Written<H: Hook>(H::Wire);

impl<H: Hook> Asked<H> {
    #[inline]
    fn wire(&self) -> H::Wire {
        H::lower(&self.0)
    }
}

impl<H: Hook> Written<H> {
    #[inline]
    fn wire(&self) -> &H::Wire {
        &self.0
    }
}

macro_rules! crossing {
    ($($item:ident),*) => {
        $(
        // SAFETY: it is `H::Wire` to the component: the same type, size, alignment and flat form.
        unsafe impl<H: Hook> ComponentType for $item<H> {
            type Lower = <H::Wire as ComponentType>::Lower;
            const ABI: CanonicalAbiInfo = <H::Wire as ComponentType>::ABI;

            fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> Result<()> {
                <H::Wire as ComponentType>::typecheck(ty, types)
            }
        }

        // SAFETY: single values are lowered by `H::Wire`. Lists of flat records are written within the bounds that
        // wasmtime has asked the script for, checked again by the slice; whatever `put` writes there is the script's
        // memory only.
        unsafe impl<H: Hook> Lower for $item<H> {
            fn linear_lower_to_flat<U>(
                &self,
                cx: &mut LowerContext<'_, U>,
                ty: InterfaceType,
                dst: &mut MaybeUninit<Self::Lower>,
            ) -> Result<()> {
                self.wire().linear_lower_to_flat(cx, ty, dst)
            }

            fn linear_lower_to_memory<U>(
                &self,
                cx: &mut LowerContext<'_, U>,
                ty: InterfaceType,
                offset: usize,
            ) -> Result<()> {
                self.wire().linear_lower_to_memory(cx, ty, offset)
            }

            fn linear_store_list_to_memory<U>(
                cx: &mut LowerContext<'_, U>,
                ty: InterfaceType,
                mut offset: usize,
                items: &[Self],
            ) -> Result<()> {
                let size = <H::Wire as ComponentType>::SIZE32;
                if !H::FLAT {
                    for item in items {
                        item.linear_lower_to_memory(cx, ty, offset)?;
                        offset += size;
                    }
                    return Ok(());
                }
                let to = &mut cx.as_slice_mut()[offset..][..items.len() * size];
                for (item, piece) in items.iter().zip(to.chunks_exact_mut(size)) {
                    H::put(&item.wire(), piece);
                }
                Ok(())
            }
        }
        )*
    };
}

crossing! { Asked, Written }

/// The answers of a call, in their order. One alone needs no memory of its own.
pub(crate) enum Replies<H: Hook> {
    One(Option<H::Reply>),
    Many(vec::IntoIter<H::Reply>),
}

impl<H: Hook> From<Vec<H::Reply>> for Replies<H> {
    fn from(replies: Vec<H::Reply>) -> Self {
        Self::Many(replies.into_iter())
    }
}

impl<H: Hook> Iterator for Replies<H> {
    type Item = H::Reply;

    #[inline]
    fn next(&mut self) -> Option<H::Reply> {
        match self {
            Self::One(reply) => reply.take(),
            Self::Many(replies) => replies.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = match self {
            Self::One(reply) => usize::from(reply.is_some()),
            Self::Many(replies) => replies.len(),
        };
        (len, Some(len))
    }
}

impl<H: Hook> ExactSizeIterator for Replies<H> {}

/// Where wasmtime puts the one answer there is.
struct Only<R>(Option<R>);

impl<R> Extend<R> for Only<R> {
    fn extend<I: IntoIterator<Item = R>>(&mut self, replies: I) {
        for reply in replies {
            self.0 = Some(reply);
        }
    }
}

// SAFETY: it is a list of `H::Reply` to the component.
unsafe impl<H: Hook> ComponentType for Replies<H> {
    type Lower = <WasmList<H::Reply> as ComponentType>::Lower;
    const ABI: CanonicalAbiInfo = <WasmList<H::Reply> as ComponentType>::ABI;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> Result<()> {
        <WasmList<H::Reply> as ComponentType>::typecheck(ty, types)
    }
}

// SAFETY: wasmtime's own list checks bounds, alignment and what a script may hand over; whatever `take` reads within
// them it checks itself.
unsafe impl<H: Hook> Lift for Replies<H> {
    fn linear_lift_from_flat(cx: &mut LiftContext<'_>, ty: InterfaceType, src: &Self::Lower) -> Result<Self> {
        let list = WasmList::<H::Reply>::linear_lift_from_flat(cx, ty, src)?;
        Ok(H::Reply::linear_lift_list_from_memory(cx, &list)?.into())
    }

    fn linear_lift_from_memory(cx: &mut LiftContext<'_>, ty: InterfaceType, bytes: &[u8]) -> Result<Self> {
        let list = WasmList::<H::Reply>::linear_lift_from_memory(cx, ty, bytes)?;
        if !H::FLAT {
            if list.len() == 1 {
                let mut only = Only(None);
                H::Reply::linear_lift_into_from_memory(cx, &list, &mut only)?;
                return Ok(Self::One(only.0));
            }
            return Ok(H::Reply::linear_lift_list_from_memory(cx, &list)?.into());
        }
        let Some(start) = bytes.first_chunk() else { unreachable!("a list is a place and a length") };
        let size = <H::Reply as ComponentType>::SIZE32;
        let from = &cx.memory()[u32::from_le_bytes(*start) as usize..][..list.len() * size];
        if list.len() == 1 {
            return Ok(Self::One(Some(H::take(from)?)));
        }
        let mut replies = Vec::with_capacity(list.len());
        for piece in from.chunks_exact(size) {
            replies.push(H::take(piece)?);
        }
        Ok(replies.into())
    }
}

/// Asks about views of the simulation. `function` is that of the hook, found by the bindings.
///
/// # Errors
/// As the call itself.
pub(crate) fn ask<H: Hook>(
    function: Func,
    store: &mut Store<ScriptState>,
    ctx: types::Context,
    views: &[H::View],
) -> Result<Replies<H>> {
    // SAFETY: `Asked<H>` is a transparent `H::View`.
    let views = unsafe { &*(ptr::from_ref(views) as *const [Asked<H>]) };
    call(function, store, ctx, views)
}

/// Asks about records of the interface.
///
/// # Errors
/// As the call itself.
pub(crate) fn ask_written<H: Hook>(
    function: Func,
    store: &mut Store<ScriptState>,
    ctx: types::Context,
    records: &[H::Wire],
) -> Result<Replies<H>> {
    // SAFETY: `Written<H>` is a transparent `H::Wire`.
    let records = unsafe { &*(ptr::from_ref(records) as *const [Written<H>]) };
    call(function, store, ctx, records)
}

fn call<H: Hook, T: Lower>(
    function: Func,
    store: &mut Store<ScriptState>,
    ctx: types::Context,
    items: &[T],
) -> Result<Replies<H>> {
    // SAFETY: the bindings have checked the function's type, of which `T` and `Replies<H>` are parts.
    let function = unsafe { TypedFunc::<(types::Context, &[T]), (Replies<H>,)>::new_unchecked(function) };
    Ok(function.call(store, (ctx, items))?.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::{
        Craft, Fees, GrowStats, OpenDuels, PlanCasts, PulseStatuses, PunishDeaths, QuotePrices,
        RequireExperience, Resolve, Reward, RewardKills, Think,
    };
    use serde::Serialize;
    use serde_json::Value;
    use sim::rng::Rng;
    use wit_parser::{SizeAlign, Type, TypeDefKind};

    /// Bytes of an outcome.
    const OUTCOME: usize = <<Resolve as Hook>::Reply as ComponentType>::SIZE32;

    /// What wit-parser knows of `wit/`.
    struct Wit {
        resolve: wit_parser::Resolve,
        sizes: SizeAlign,
    }

    impl Wit {
        fn new() -> Self {
            let mut resolve = wit_parser::Resolve::default();
            resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit")).unwrap();
            let mut sizes = SizeAlign::default();
            sizes.fill(&resolve).unwrap();
            Self { resolve, sizes }
        }

        /// The records that a hook asks with and is answered with.
        fn records<H: Hook>(&self) -> [Type; 2] {
            let named = |name: Option<&str>| name == Some(H::KIND.name());
            let mut interfaces = self.resolve.interfaces.iter();
            let (_, interface) = interfaces.find(|(_, interface)| named(interface.name.as_deref())).unwrap();
            let function = &interface.functions[H::EXPORT.function()];
            [function.params[1].ty, function.result.unwrap()].map(|list| {
                let Type::Id(list) = list else { panic!("not a list") };
                let TypeDefKind::List(item) = self.resolve.types[list].kind else { panic!("not a list") };
                item
            })
        }

        /// A value as the names of the bindings tell it, read where wit-parser says it is.
        fn read(&self, ty: &Type, bytes: &[u8]) -> Value {
            let word = || u32::from_le_bytes(bytes[..4].try_into().unwrap());
            let wide = || u64::from_le_bytes(bytes[..8].try_into().unwrap());
            let id = match ty {
                Type::Bool => return (bytes[0] != 0).into(),
                Type::U32 => return word().into(),
                Type::S32 => return (word() as i32).into(),
                Type::U64 => return wide().into(),
                Type::S64 => return (wide() as i64).into(),
                Type::Id(id) => *id,
                other => panic!("{other:?} is not flat"),
            };
            match &self.resolve.types[id].kind {
                TypeDefKind::Type(ty) => self.read(ty, bytes),
                TypeDefKind::Enum(cases) => {
                    let words = cases.cases[usize::from(bytes[0])].name.split('-');
                    let big = words.map(|word| word[..1].to_uppercase() + &word[1..]);
                    big.collect::<String>().into()
                }
                TypeDefKind::Record(record) => {
                    let offsets = self.sizes.field_offsets(record.fields.iter().map(|field| &field.ty));
                    let fields = record.fields.iter().zip(offsets).map(|(field, (offset, _))| {
                        let name = field.name.replace('-', "_");
                        (name, self.read(&field.ty, &bytes[offset.size_wasm32()..]))
                    });
                    Value::Object(fields.collect())
                }
                other => panic!("{other:?} is not flat"),
            }
        }
    }

    /// Puts views, and takes answers of any numbers, and reads both as wit-parser would.
    fn crosses<H: Hook>(wit: &Wit)
    where
        H::Reply: Flat + Serialize,
    {
        assert!(H::FLAT);
        let [view, reply] = wit.records::<H>();
        let mut dice = Rng(7);
        for number in 0..50 {
            let mut asked = H::sample();
            H::vary(&mut asked, number, &mut dice);
            let wire = H::lower(&asked);
            let mut bytes = vec![0xff; <H::Wire as ComponentType>::SIZE32];
            H::put(&wire, &mut bytes);
            assert_eq!(wit.read(&view, &bytes), serde_json::to_value(&wire).unwrap(), "{}", H::EXPORT);

            // Of a byte each every enum has at least two cases.
            let mut bytes = vec![0; <H::Reply as ComponentType>::SIZE32];
            bytes.iter_mut().for_each(|byte| *byte = dice.below(2) as u8);
            let taken = H::take(&bytes).unwrap();
            assert_eq!(wit.read(&reply, &bytes), serde_json::to_value(&taken).unwrap(), "{}", H::EXPORT);
            let mut again = vec![0; bytes.len()];
            taken.put(&mut again);
            assert_eq!(wit.read(&reply, &again), wit.read(&reply, &bytes), "{}", H::EXPORT);
        }
    }

    #[test]
    fn every_field_of_a_flat_record_is_where_the_interface_says() {
        let wit = Wit::new();
        crosses::<Resolve>(&wit);
        crosses::<PlanCasts>(&wit);
        crosses::<PulseStatuses>(&wit);
        crosses::<Think>(&wit);
        crosses::<QuotePrices>(&wit);
        crosses::<Craft>(&wit);
        crosses::<Fees>(&wit);
        crosses::<RequireExperience>(&wit);
        crosses::<GrowStats>(&wit);
        crosses::<RewardKills>(&wit);
        crosses::<PunishDeaths>(&wit);
        crosses::<Reward>(&wit);
        crosses::<OpenDuels>(&wit);
    }

    #[test]
    fn a_case_that_does_not_exist_is_no_answer() {
        let mut bytes = [0; OUTCOME];
        bytes[4] = 5;
        let error = Resolve::take(&bytes).map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), "unexpected discriminant: 5");
    }

    #[test]
    fn replies_are_counted_whether_there_is_one_or_many() {
        let reply = || Resolve::take(&[0; OUTCOME]).unwrap();
        let mut one = Replies::<Resolve>::One(Some(reply()));
        assert_eq!((one.len(), one.next().is_some(), one.len(), one.next().is_some()), (1, true, 0, false));
        let mut many = Replies::<Resolve>::from(vec![reply(), reply()]);
        assert_eq!((many.len(), many.next().is_some(), many.len()), (2, true, 1));
    }
}
