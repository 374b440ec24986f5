//! The same formula in Rhai: views as object maps, outcomes as object maps.

use rhai::{AST, Dynamic, Engine, Map, Scope};
use sim::rng::Rng;
use sim::rules::Attack;
use std::error::Error;

/// The host's dice as Rhai sees them.
#[derive(Clone)]
struct HostDice(u64);

pub struct Rhai {
    engine: Engine,
    script: AST,
    kept: Dynamic,
}

impl Rhai {
    /// Compiles the script and converts the views once for the loop that runs inside.
    pub fn new(attacks: &[Attack]) -> Result<Self, Box<dyn Error>> {
        let mut engine = Engine::new();
        engine.register_type_with_name::<HostDice>("Dice");
        engine.register_fn("dice", |seed: i64| HostDice(seed as u64));
        engine.register_fn("below", |dice: &mut HostDice, bound: i64| {
            let mut rolled = Rng(dice.0);
            let roll = rolled.below(bound as u32);
            dice.0 = rolled.0;
            i64::from(roll)
        });
        let script = engine.compile(include_str!("combat.rhai"))?;
        // Shared, so that handing it over copies nothing.
        let kept =
            Dynamic::from_array(attacks.iter().map(|attack| map(attack).into()).collect()).into_shared();
        Ok(Self { engine, script, kept })
    }

    pub fn pass_single(&self, attacks: &[Attack]) -> Result<i64, Box<dyn Error>> {
        let mut scope = Scope::new();
        let mut sum = 0;
        for attack in attacks {
            let outcome: Map = self.engine.call_fn(&mut scope, &self.script, "resolve", (map(attack),))?;
            let field =
                |name: &str| outcome.get(name).and_then(|value| value.as_int().ok()).unwrap_or(i64::MIN / 64);
            sum += field("id")
                + 2 * field("kind")
                + 3 * field("base")
                + 5 * field("raw")
                + 7 * field("amount")
                + 11 * field("threat");
        }
        Ok(sum)
    }

    pub fn pass_inside(&self) -> Result<i64, Box<dyn Error>> {
        Ok(self.engine.call_fn(&mut Scope::new(), &self.script, "resolve_kept", (self.kept.clone(),))?)
    }
}

fn map(attack: &Attack) -> Map {
    let fields: [(&str, i64); 22] = [
        ("id", attack.id.into()),
        ("attacker", attack.attacker.0 as i64),
        ("defender", attack.defender.0 as i64),
        ("element", attack.element as i64),
        ("attacker_level", attack.attacker_level.into()),
        ("defender_level", attack.defender_level.into()),
        ("attacker_is_npc", attack.attacker_is_npc.into()),
        ("defender_is_npc", attack.defender_is_npc.into()),
        ("accuracy", attack.accuracy.into()),
        ("evasion", attack.evasion.into()),
        ("distance_mm", attack.distance_mm.into()),
        ("attack_power", attack.attack_power.into()),
        ("weapon_damage", attack.weapon_damage.into()),
        ("power_permille", attack.power_permille.into()),
        ("critical_chance", attack.critical_chance.into()),
        ("defence", attack.defence.into()),
        ("resistance_permille", attack.resistance_permille.into()),
        ("block_chance", attack.block_chance.into()),
        ("dodge_chance", attack.dodge_chance.into()),
        ("defender_health", attack.defender_health.into()),
        ("defender_health_max", attack.defender_health_max.into()),
        ("seed", attack.seed as i64),
    ];
    fields.into_iter().map(|(name, value)| (name.into(), Dynamic::from(value))).collect()
}
