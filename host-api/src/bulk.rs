//! Batches of flat records, written into a script's memory in one piece.
//!
//! wasmtime lowers a list of records field by field, and for every field it looks the memory up and checks
//! its bounds again: two to four nanoseconds each, most of what a hot call costs. A list of records without
//! strings and lists is, by the canonical ABI, an array of pieces of one size; here it is written as such.
//! `tests` compares every byte with what wasmtime itself writes.
//!
//! It rests on what wasmtime calls internal: `Lower` by hand, and names in `__internal`. A new version of
//! wasmtime may need this file to change, and nothing else.

#![allow(unsafe_code)]

use crate::bindings::types;
use crate::instance::ScriptState;
use std::mem::MaybeUninit;
use std::ptr;
use wasmtime::component::__internal::{CanonicalAbiInfo, InstanceType, InterfaceType, LowerContext};
use wasmtime::component::{ComponentNamedList, ComponentType, Lift, Lower, TypedFunc};
use wasmtime::{Result, Store};

/// A record, or a field of one, without strings and lists.
pub(crate) trait Flat: Lower + Sized {
    /// Writes the value as the canonical ABI lays it out; `to` has its size.
    fn put(&self, to: &mut [u8]);
}

macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl Flat for $number {
            #[inline]
            fn put(&self, to: &mut [u8]) {
                to.copy_from_slice(&self.to_le_bytes());
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

/// [`Flat`] for records, by their fields in the order of `wit/`, and for enums.
macro_rules! flat {
    ($($record:ty { $($name:ident),* $(,)? })*) => {
        $(impl $crate::bulk::Flat for $record {
            #[inline]
            fn put(&self, to: &mut [u8]) {
                const SIZE: usize = <$record as wasmtime::component::ComponentType>::SIZE32;
                const FIELDS: &[(usize, usize)] =
                    &[$($crate::bulk::field(|record: &$record| &record.$name)),*];
                const OFFSETS: [usize; FIELDS.len()] =
                    $crate::bulk::offsets([$($crate::bulk::field(|record: &$record| &record.$name)),*]);
                let Some(to) = to.first_chunk_mut::<SIZE>() else { unreachable!("a piece has the size of its record") };
                let mut fields = OFFSETS.iter().zip(FIELDS);
                $(if let Some((&at, &(size, _))) = fields.next() {
                    $crate::bulk::Flat::put(&self.$name, &mut to[at..at + size]);
                })*
            }
        })*
    };
}

/// [`Flat`] for enums of at most 256 cases.
macro_rules! flat_enums {
    ($($name:ty),* $(,)?) => {
        $(impl $crate::bulk::Flat for $name {
            #[inline]
            fn put(&self, to: &mut [u8]) {
                to[0] = *self as u8;
            }
        })*
    };
}

pub(crate) use {flat, flat_enums};

flat! { types::Position { x_mm, y_mm } }
flat_enums! { types::Element, types::Rarity }

/// A record that is written in bulk.
#[repr(transparent)]
struct Bulk<T>(T);

// SAFETY: it is `T` to the component: the same type, size, alignment and flat form.
unsafe impl<T: Flat> ComponentType for Bulk<T> {
    type Lower = T::Lower;
    const ABI: CanonicalAbiInfo = T::ABI;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> Result<()> {
        T::typecheck(ty, types)
    }
}

// SAFETY: single values are lowered by `T`. Lists are written within the bounds that wasmtime has asked the
// script for, checked again by the slice; whatever `put` writes there is the script's memory only.
unsafe impl<T: Flat> Lower for Bulk<T> {
    fn linear_lower_to_flat<U>(
        &self,
        cx: &mut LowerContext<'_, U>,
        ty: InterfaceType,
        dst: &mut MaybeUninit<Self::Lower>,
    ) -> Result<()> {
        self.0.linear_lower_to_flat(cx, ty, dst)
    }

    fn linear_lower_to_memory<U>(
        &self,
        cx: &mut LowerContext<'_, U>,
        ty: InterfaceType,
        offset: usize,
    ) -> Result<()> {
        self.0.linear_lower_to_memory(cx, ty, offset)
    }

    fn linear_store_list_to_memory<U>(
        cx: &mut LowerContext<'_, U>,
        _ty: InterfaceType,
        offset: usize,
        items: &[Self],
    ) -> Result<()> {
        let to = &mut cx.as_slice_mut()[offset..][..items.len() * T::SIZE32];
        for (item, piece) in items.iter().zip(to.chunks_exact_mut(T::SIZE32)) {
            item.0.put(piece);
        }
        Ok(())
    }
}

/// Calls a function of the bindings with its views written in bulk.
///
/// # Errors
/// As the call itself.
pub(crate) fn call<'a, T, R>(
    function: &TypedFunc<(types::Context, &'a [T]), (Vec<R>,)>,
    store: &mut Store<ScriptState>,
    ctx: types::Context,
    views: &'a [T],
) -> Result<Vec<R>>
where
    T: Flat + 'static,
    R: Lift + 'static,
    (Vec<R>,): ComponentNamedList,
{
    // SAFETY: `Bulk<T>` is a transparent `T`.
    let views = unsafe { &*(ptr::from_ref(views) as *const [Bulk<T>]) };
    // SAFETY: the bindings have checked the function's type, and `Bulk<T>` is the same type as `T`.
    let function =
        unsafe { TypedFunc::<(types::Context, &[Bulk<T>]), (Vec<R>,)>::new_unchecked(*function.func()) };
    Ok(function.call(store, (ctx, views))?.0)
}
