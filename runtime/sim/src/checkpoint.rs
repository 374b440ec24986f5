//! Checkpoints: the whole state of a world as bytes, and back.
//!
//! A world restored from a checkpoint goes on exactly as the one it was taken of. Definitions are
//! not in it, only their digest: the reader brings the content, as it brings the rules.

use crate::content::Content;
use crate::digest::Digest;
use crate::entities::Entities;
use crate::grid::Grid;
use crate::ids::DefId;
use crate::levels::Ladder;
use crate::world::{Scratch, World};
use borsh::{BorshDeserialize, BorshSerialize};
use std::hash::Hasher;
use std::sync::Arc;

/// Counted up whenever the state of a world gains, loses or changes a field.
const FORMAT: u16 = 5;

/// What stands before the state, to refuse what cannot be read before reading it.
#[derive(Debug, BorshSerialize, BorshDeserialize)]
struct Header {
    format: u16,
    zone: DefId,
    content: u64,
    digest: u64,
    tick: u64,
}

/// Why a checkpoint cannot be restored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// It ends too early, or holds something else.
    #[error("the checkpoint is damaged: {0}")]
    Damaged(String),
    /// Another version of the server wrote it.
    #[error(
        "the checkpoint has format {found}, this server reads format {FORMAT}: use the server that wrote it"
    )]
    Format {
        /// Its format.
        found: u16,
    },
    /// It was taken with other definitions.
    #[error("the checkpoint was taken with content {expected:016x}, not with {found:016x}")]
    Content {
        /// Digest of the content it was taken with.
        expected: u64,
        /// Digest of the content at hand.
        found: u64,
    },
    /// What was read is not what was written.
    #[error("the restored world has digest {found:016x} instead of {expected:016x}")]
    Digest {
        /// As written.
        expected: u64,
        /// As read.
        found: u64,
    },
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn damaged(error: std::io::Error) -> CheckpointError {
    CheckpointError::Damaged(error.to_string())
}

fn header(bytes: &mut &[u8]) -> Result<Header, CheckpointError> {
    // The format comes first, so that it can be read whatever follows.
    let found = u16::deserialize(&mut &**bytes).map_err(damaged)?;
    if found != FORMAT {
        return Err(CheckpointError::Format { found });
    }
    Header::deserialize(bytes).map_err(damaged)
}

/// The tick a checkpoint was taken after.
///
/// # Errors
/// [`CheckpointError`]
pub fn tick_of(mut bytes: &[u8]) -> Result<u64, CheckpointError> {
    Ok(header(&mut bytes)?.tick)
}

impl World {
    /// Everything a later step depends on, but for definitions and rules.
    pub fn checkpoint(&self) -> Vec<u8> {
        let header = Header {
            format: FORMAT,
            zone: self.zone,
            content: self.content.digest,
            digest: self.digest(),
            tick: self.tick,
        };
        let mut bytes = Vec::with_capacity(256 * (self.entities.len() + 4));
        let state = (
            (self.seed, self.tick_ms, self.next_entity),
            (&self.entities, &self.characters, &self.spawns, &self.sky, &self.events),
            (&self.inquiries, &self.despawned, &self.schemas, &self.duels),
        );
        // Writing into memory has nothing to fail at.
        let _ = header.serialize(&mut bytes).and_then(|()| state.serialize(&mut bytes));
        bytes
    }

    /// The world a checkpoint was taken of.
    ///
    /// # Errors
    /// [`CheckpointError`]
    pub fn from_checkpoint(content: Arc<Content>, mut bytes: &[u8]) -> Result<Self, CheckpointError> {
        let header = header(&mut bytes)?;
        if header.content != content.digest {
            return Err(CheckpointError::Content { expected: header.content, found: content.digest });
        }
        let Some(definition) = content.zones.get(&header.zone) else {
            return Err(CheckpointError::Damaged("the content has no such zone".to_owned()));
        };
        let grid = Grid::new(definition.width_mm, definition.height_mm);
        let (seed, tick_ms, next_entity) = BorshDeserialize::deserialize(&mut bytes).map_err(damaged)?;
        let entities: Entities = BorshDeserialize::deserialize(&mut bytes).map_err(damaged)?;
        let (characters, spawns, sky, events) = BorshDeserialize::deserialize(&mut bytes).map_err(damaged)?;
        let (inquiries, despawned, schemas, duels) =
            BorshDeserialize::deserialize(&mut bytes).map_err(damaged)?;
        if !bytes.is_empty() {
            return Err(CheckpointError::Damaged(format!("{} bytes too many", bytes.len())));
        }
        let ladder = Ladder::unasked(&content);
        let mut world = Self {
            zone: header.zone,
            content,
            seed,
            tick: header.tick,
            tick_ms,
            next_entity,
            entities,
            characters,
            spawns,
            sky,
            duels,
            events,
            inquiries,
            schemas,
            grid,
            despawned,
            scratch: Scratch::default(),
            ladder,
        };
        world.index();
        match world.digest() {
            found if found == header.digest => Ok(world),
            found => Err(CheckpointError::Digest { expected: header.digest, found }),
        }
    }

    /// A number for every entity: two worlds that differ, differ in one of them or in what is not
    /// an entity's. Says which entity a replay first went wrong with.
    pub fn entity_digests(&self) -> impl Iterator<Item = (crate::EntityId, u64)> {
        self.entities.iter().map(|entity| {
            let mut digest = Digest::new();
            std::hash::Hash::hash(entity, &mut digest);
            (entity.id, digest.finish())
        })
    }
}
