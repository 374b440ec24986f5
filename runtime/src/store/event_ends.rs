//! When world events last ended: the one thing about them that outlives a zone.

use super::rows::{Value, write_rows};
use super::{Store, StoreError};
use sim::{DefId, def_id};
use sqlx::{Any, Row, Transaction};
use std::collections::BTreeMap;

/// Ticks of the last ends by zone and event, under their names in the content.
pub(super) type Ends<'a> = BTreeMap<(&'a str, &'a str), u64>;

impl Store {
    /// The tick in which each event of each zone last ended: by name of the zone, then `event/NAME`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn load_event_ends(&self) -> Result<BTreeMap<String, BTreeMap<DefId, u64>>, StoreError> {
        let rows = sqlx::query("SELECT zone, event, tick FROM event_ends ORDER BY zone, event")
            .fetch_all(&self.reader)
            .await?;
        let mut ends: BTreeMap<String, BTreeMap<DefId, u64>> = BTreeMap::new();
        for row in rows {
            let (event, tick): (String, i64) = (row.try_get("event")?, row.try_get("tick")?);
            let zone = ends.entry(row.try_get("zone")?).or_default();
            zone.insert(def_id(&format!("event/{event}")), tick.cast_unsigned());
        }
        Ok(ends)
    }
}

/// In the transaction of the facts: whoever was paid for an end cannot be paid for it again.
pub(super) async fn write_event_ends(
    tx: &mut Transaction<'static, Any>,
    ends: Ends<'_>,
) -> Result<(), StoreError> {
    let rows = ends
        .into_iter()
        .map(|((zone, event), tick)| [Value::from(zone), event.into(), Value::Int(tick.cast_signed())]);
    write_rows(
        tx,
        "INSERT INTO event_ends (zone, event, tick) VALUES ",
        rows.collect(),
        " ON CONFLICT (zone, event) DO UPDATE SET tick = excluded.tick",
    )
    .await
}
