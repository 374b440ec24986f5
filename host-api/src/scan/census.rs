//! How much there is of what makes a component long to compile or large to hold. One count per bound of
//! [`Limits`]; what the bytes mean is not looked at.

use super::ScanError;
use crate::limits::Limits;
use wasmparser::{Encoding, FunctionBody, MemoryType, Operator, Payload, TypeRef};

/// What was counted so far.
pub(super) struct Census<'a> {
    limits: &'a Limits,
    depth: u32,
    functions: u64,
    types: u64,
    /// Of the core module that is being read.
    memories: u64,
    code_bytes: u64,
    branch_squares: u64,
    data_bytes: u64,
    structure_bytes: u64,
    debug_bytes: u64,
}

impl<'a> Census<'a> {
    pub(super) fn new(limits: &'a Limits) -> Self {
        Self {
            limits,
            depth: 0,
            functions: 0,
            types: 0,
            memories: 0,
            code_bytes: 0,
            branch_squares: 0,
            data_bytes: 0,
            structure_bytes: 0,
            debug_bytes: 0,
        }
    }

    /// Whether what was admitted last belongs to the outermost component itself.
    pub(super) fn is_outermost(&self) -> bool {
        self.depth == 0
    }

    /// Counts one more part.
    ///
    /// # Errors
    /// There is too much of something, or it is not for scripts.
    pub(super) fn admit(&mut self, payload: &Payload<'_>) -> Result<(), ScanError> {
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } if self.depth == 0 => {
                return Err(ScanError::CoreModule);
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                self.depth += 1;
                at_most("levels of nesting", self.depth.into(), self.limits.nesting.into())?;
            }
            Payload::End(_) => self.depth = self.depth.saturating_sub(1),
            Payload::FunctionSection(section) => {
                self.functions += u64::from(section.count());
                at_most("functions", self.functions, self.limits.functions.into())?;
            }
            Payload::TypeSection(section) => self.add_types(section.count())?,
            Payload::ComponentTypeSection(section) => self.add_types(section.count())?,
            Payload::CoreTypeSection(section) => self.add_types(section.count())?,
            Payload::Version { encoding: Encoding::Module, .. } => self.memories = 0,
            Payload::ImportSection(section) => {
                for import in section.clone().into_imports() {
                    if let TypeRef::Memory(memory) = import?.ty {
                        self.add_memory(memory)?;
                    }
                }
            }
            Payload::MemorySection(section) => {
                for memory in section.clone() {
                    self.add_memory(memory?)?;
                }
            }
            Payload::CodeSectionEntry(body) => self.add_function(body)?,
            _ => {}
        }
        self.add_bytes(payload)
    }

    /// One memory a module: what the engine itself puts between components may see two.
    fn add_memory(&mut self, memory: MemoryType) -> Result<(), ScanError> {
        self.memories += 1;
        at_most("memories in one module", self.memories, 1)?;
        plain_memory(memory)
    }

    fn add_types(&mut self, count: u32) -> Result<(), ScanError> {
        self.types += u64::from(count);
        at_most("types", self.types, self.limits.types.into())
    }

    fn add_function(&mut self, body: &FunctionBody<'_>) -> Result<(), ScanError> {
        let range = body.range();
        let bytes = range.end - range.start;
        at_most("bytes of one function", bytes, self.limits.function_bytes as u64)?;
        self.code_bytes += bytes;
        at_most("bytes of code", self.code_bytes, self.limits.code_bytes as u64)?;
        let mut locals = 0;
        for group in body.get_locals_reader()? {
            locals += u64::from(group?.0);
            at_most("locals of one function", locals, self.limits.locals.into())?;
        }
        let mut branches = 0;
        for operator in body.get_operators_reader()? {
            branches += branches_of(&operator?);
        }
        at_most("branches of one function", branches, self.limits.branches.into())?;
        self.branch_squares += branches * branches;
        at_most("branches of functions, squared", self.branch_squares, self.limits.branch_squares)
    }

    /// Bytes of a section by what they are; code is counted by function, nested parts by their own sections.
    fn add_bytes(&mut self, payload: &Payload<'_>) -> Result<(), ScanError> {
        let Some((_, range)) = payload.as_section() else { return Ok(()) };
        let bytes = range.end.saturating_sub(range.start);
        let (what, sum, max) = match payload {
            Payload::ModuleSection { .. }
            | Payload::ComponentSection { .. }
            | Payload::CodeSectionStart { .. } => return Ok(()),
            Payload::CustomSection(section) if section.name().starts_with(".debug_") => {
                ("bytes of debug sections", &mut self.debug_bytes, self.limits.debug_bytes)
            }
            // Names, producers, notes: carried along, never worked on.
            Payload::CustomSection(_) => return Ok(()),
            Payload::DataSection(_) => ("bytes of data", &mut self.data_bytes, self.limits.data_bytes),
            _ => ("bytes of types and structure", &mut self.structure_bytes, self.limits.structure_bytes),
        };
        *sum += bytes;
        at_most(what, *sum, max as u64)
    }
}

/// Ways that the control flow gets by an instruction.
fn branches_of(operator: &Operator<'_>) -> u64 {
    match operator {
        Operator::BrTable { targets } => 1 + u64::from(targets.len()),
        Operator::Block { .. }
        | Operator::Loop { .. }
        | Operator::If { .. }
        | Operator::Else
        | Operator::Br { .. }
        | Operator::BrIf { .. }
        | Operator::Return => 1,
        _ => 0,
    }
}

/// # Errors
/// `count` is over `max`.
pub(super) fn at_most(what: &'static str, count: u64, max: u64) -> Result<(), ScanError> {
    if count > max { Err(ScanError::TooMany { what, count, max }) } else { Ok(()) }
}

fn plain_memory(memory: MemoryType) -> Result<(), ScanError> {
    match memory {
        MemoryType { shared: true, .. } => Err(ScanError::Memory { what: "shared" }),
        MemoryType { memory64: true, .. } => Err(ScanError::Memory { what: "64-bit" }),
        _ => Ok(()),
    }
}
