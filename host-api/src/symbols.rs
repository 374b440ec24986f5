//! From a place in a component's code to a line of the author's source.
//!
//! Reading debug sections takes milliseconds, far too long for a tick that has just lost a call:
//! live failures carry code offsets only, and are located here by whoever shows them.

use crate::failure::{Frame, clip};
use addr2line::gimli::{self, EndianSlice, LittleEndian};
use addr2line::{Context, LookupResult};
use std::collections::BTreeMap;
use std::ops::Range;
use wasmparser::{Encoding, Parser, Payload};

/// Frames shown after functions inlined into one another are told apart.
const FRAMES: usize = 48;
/// Bytes of a name or path taken from debug sections.
const NAME_BYTES: usize = 256;
/// Bytes of code looked back over for a line, where the failing instruction has none.
const LOOK_BACK: u64 = 256;

type Lines<'a> = Context<EndianSlice<'a, LittleEndian>>;
/// A function's name, file and line, as far as they are known; line 0 is unknown.
type Place<'a> = (Option<String>, Option<(&'a str, u32)>);

/// The debug sections of a component's main core module.
pub(crate) struct Symbols {
    sections: BTreeMap<String, Vec<u8>>,
    /// Where its code lies in the component; debug sections count from its start.
    code: Range<u64>,
}

impl Symbols {
    /// Of the first core module that has any; `None` if the script was built without.
    pub(crate) fn of(component: &[u8]) -> Option<Self> {
        let mut code = 0..0;
        let mut sections = BTreeMap::new();
        for payload in Parser::new(0).parse_all(component) {
            match payload.ok()? {
                Payload::Version { encoding: Encoding::Module, .. } => {
                    code = 0..0;
                    sections.clear();
                }
                Payload::CodeSectionStart { unchecked_range, .. } => code = unchecked_range,
                Payload::CustomSection(section) if section.name().starts_with(".debug_") => {
                    sections.insert(section.name().to_owned(), section.data().to_vec());
                }
                Payload::End(_) if !sections.is_empty() => return Some(Self { sections, code }),
                _ => {}
            }
        }
        None
    }

    /// Puts file and line to the frames that lie in the module, functions inlined there included.
    pub(crate) fn locate(&self, frames: &mut Vec<Frame>) {
        let dwarf = gimli::Dwarf::load(|id| {
            let bytes = self.sections.get(id.name()).map_or(&[][..], Vec::as_slice);
            Ok::<_, gimli::Error>(EndianSlice::new(bytes, LittleEndian))
        });
        // Debug sections are the author's; unreadable ones leave the frames as they are.
        let Ok(context) = dwarf.and_then(Context::from_dwarf) else { return };
        let mut located = Vec::with_capacity(frames.len());
        for frame in frames.drain(..) {
            let before = located.len();
            if self.code.contains(&frame.offset) {
                lines(&context, frame.offset - self.code.start, &frame, &mut located);
            }
            if located.len() == before {
                located.push(frame);
            }
        }
        located.truncate(FRAMES);
        *frames = located;
    }
}

/// The functions at one place of the code, innermost first.
fn lines(context: &Lines<'_>, address: u64, outer: &Frame, located: &mut Vec<Frame>) {
    for (function, place) in places(context, address) {
        let location = place.and_then(|(file, line)| match line {
            // The optimiser merged instructions of several lines: those just before are close enough.
            0 => Some((file, line_before(context, address, file)?)),
            line => Some((file, line)),
        });
        located.push(Frame {
            function: function.unwrap_or_else(|| outer.function.clone()),
            location: location.map(|(file, line)| (clip(file, NAME_BYTES).to_owned(), line)),
            offset: outer.offset,
        });
    }
}

/// The line in `file` of the closest code before `address` that has one.
fn line_before(context: &Lines<'_>, address: u64, file: &str) -> Option<u32> {
    (1..=LOOK_BACK).map_while(|back| address.checked_sub(back)).find_map(|address| {
        let known = places(context, address).into_iter().filter_map(|(_, place)| place);
        known.filter(|(other, line)| *other == file && *line > 0).map(|(_, line)| line).next()
    })
}

/// Function, file and line of everything inlined at one address, innermost first.
fn places<'a>(context: &'a Lines<'_>, address: u64) -> Vec<Place<'a>> {
    let mut lookup = context.find_frames(address);
    let found = loop {
        match lookup {
            LookupResult::Output(found) => break found,
            // Split debug files do not exist for WebAssembly.
            LookupResult::Load { continuation, .. } => {
                lookup = addr2line::LookupContinuation::resume(continuation, None);
            }
        }
    };
    let mut places = Vec::new();
    let Ok(mut found) = found else { return places };
    while let Ok(Some(frame)) = found.next() {
        let name = frame.function.as_ref().and_then(|function| function.raw_name().ok());
        let place = frame.location.and_then(|place| Some((place.file?, place.line.unwrap_or(0))));
        places.push((name.map(|name| clip(&name, NAME_BYTES).to_owned()), place));
    }
    places
}
