//! The same formula in LuaJIT, through mlua: views as tables, outcomes as tables.

use mlua::{Function, Lua as Vm, Table};
use sim::rules::Attack;
use std::error::Error;

pub struct Lua {
    vm: Vm,
    resolve: Function,
    resolve_batch: Function,
    resolve_kept: Function,
}

impl Lua {
    /// Loads the script and keeps the views inside for the loop that runs there.
    pub fn new(attacks: &[Attack]) -> mlua::Result<Self> {
        // SAFETY: the 64-bit integers of the dice belong to LuaJIT's ffi library, which safe states
        // leave out; the script beside this file is the only code that runs in this state.
        #[allow(unsafe_code)]
        let vm = unsafe { Vm::unsafe_new() };
        vm.load(include_str!("combat.lua")).set_name("combat.lua").exec()?;
        let globals = vm.globals();
        let kept = attacks.iter().map(|attack| table(&vm, attack)).collect::<mlua::Result<Vec<_>>>()?;
        globals.set("kept", kept)?;
        Ok(Self {
            resolve: globals.get("resolve")?,
            resolve_batch: globals.get("resolve_batch")?,
            resolve_kept: globals.get("resolve_kept")?,
            vm,
        })
    }

    pub fn pass_single(&self, attacks: &[Attack]) -> Result<i64, Box<dyn Error>> {
        let mut sum = 0;
        for attack in attacks {
            sum += weigh(&self.resolve.call(table(&self.vm, attack)?)?)?;
        }
        Ok(sum)
    }

    pub fn pass_batch(&self, attacks: &[Attack], batch: usize) -> Result<i64, Box<dyn Error>> {
        let mut sum = 0;
        for attacks in attacks.chunks(batch) {
            let views = self.vm.create_table_with_capacity(attacks.len(), 0)?;
            for (index, attack) in attacks.iter().enumerate() {
                views.raw_set(index + 1, table(&self.vm, attack)?)?;
            }
            let outcomes: Table = self.resolve_batch.call(views)?;
            for outcome in outcomes.sequence_values::<Table>() {
                sum += weigh(&outcome?)?;
            }
        }
        Ok(sum)
    }

    pub fn pass_inside(&self) -> Result<i64, Box<dyn Error>> {
        Ok(self.resolve_kept.call(())?)
    }
}

fn table(vm: &Vm, attack: &Attack) -> mlua::Result<Table> {
    let view = vm.create_table_with_capacity(0, 23)?;
    view.raw_set("id", attack.id)?;
    view.raw_set("attacker", attack.attacker.0)?;
    view.raw_set("defender", attack.defender.0)?;
    view.raw_set("element", attack.element as u32)?;
    view.raw_set("attacker_level", attack.attacker_level)?;
    view.raw_set("defender_level", attack.defender_level)?;
    view.raw_set("attacker_is_npc", attack.attacker_is_npc)?;
    view.raw_set("defender_is_npc", attack.defender_is_npc)?;
    view.raw_set("accuracy", attack.accuracy)?;
    view.raw_set("evasion", attack.evasion)?;
    view.raw_set("distance_mm", attack.distance_mm)?;
    view.raw_set("attack_power", attack.attack_power)?;
    view.raw_set("weapon_damage", attack.weapon_damage)?;
    view.raw_set("power_permille", attack.power_permille)?;
    view.raw_set("critical_chance", attack.critical_chance)?;
    view.raw_set("defence", attack.defence)?;
    view.raw_set("resistance_permille", attack.resistance_permille)?;
    view.raw_set("block_chance", attack.block_chance)?;
    view.raw_set("dodge_chance", attack.dodge_chance)?;
    view.raw_set("defender_health", attack.defender_health)?;
    view.raw_set("defender_health_max", attack.defender_health_max)?;
    // A Lua number holds 53 bits.
    view.raw_set("seed_high", (attack.seed >> 32) as u32)?;
    view.raw_set("seed_low", attack.seed as u32)?;
    Ok(view)
}

fn weigh(outcome: &Table) -> mlua::Result<i64> {
    let field = |name| outcome.raw_get::<i64>(name);
    Ok(field("id")?
        + 2 * field("kind")?
        + 3 * field("base")?
        + 5 * field("raw")?
        + 7 * field("amount")?
        + 11 * field("threat")?)
}
