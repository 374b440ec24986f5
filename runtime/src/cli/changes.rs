//! `lore changes`, `lore approve`, `lore reject`

use crate::admin::client::{AdminArgs, AdminClient, CallError};
use humantime_serde::re::humantime::format_rfc3339_seconds;
use serde_json::Value;
use std::time::{Duration, UNIX_EPOCH};

/// Show changes of scripts and content and how far they have come.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  lore changes\n  lore changes 12 --wait --json\n  lore changes 12 --proof"
)]
pub struct Args {
    /// Number of one change, with all its steps; all changes if missing.
    id: Option<u64>,
    /// Wait until this change has passed its probation or is gone.
    #[arg(long, requires = "id")]
    wait: bool,
    /// Show what its proof showed, as `lore plan` does.
    #[arg(long, requires = "id", conflicts_with = "wait")]
    proof: bool,
    #[command(flatten)]
    admin: AdminArgs,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Say yes or no to a change that waits for a person.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  lore changes   # which ones wait\n  lore approve 12 --why 'looked at the canary for an hour'\n  lore reject 12 --why 'too strong'"
)]
pub struct Decision {
    /// Number of the change.
    id: u64,
    #[command(flatten)]
    admin: AdminArgs,
    /// For the history.
    #[arg(long, default_value = "")]
    why: String,
    /// The answer as JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> anyhow::Result<()> {
    let Args { id, wait, proof, admin, json } = args;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = AdminClient::connect(&admin)?;
        let answer = match id {
            Some(id) if wait => settled(&client, id).await?,
            Some(id) if proof => client.proof(id).await?,
            Some(id) => client.change(id, 0).await?,
            None => client.changes().await?,
        };
        if json {
            println!("{answer}");
        } else if proof {
            super::plan::describe_proof(&super::plan::report(&answer)?);
        } else if id.is_some() {
            println!("{}", line(&answer));
            details(&answer).iter().for_each(|line| println!("  {line}"));
        } else {
            answer["changes"]
                .as_array()
                .into_iter()
                .flatten()
                .for_each(|change| println!("{}", line(change)));
        }
        Ok(())
    })
}

/// Approves or rejects.
pub fn decide(decision: Decision, yes: bool) -> anyhow::Result<()> {
    let Decision { id, admin, why, json } = decision;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(async {
        let client = AdminClient::connect(&admin)?;
        client.decide(id, yes, &why).await
    })?;
    if json {
        println!("{answer}");
    } else if yes {
        super::push::describe(&answer);
    } else {
        println!("{}", line(&answer));
    }
    Ok(())
}

/// A change, as soon as it is settled.
pub async fn settled(client: &AdminClient, id: u64) -> Result<Value, CallError> {
    loop {
        let change = client.change(id, 60).await?;
        if matches!(
            change["state"].as_str(),
            Some("live" | "refused" | "rolled-back" | "quarantined" | "superseded")
        ) {
            return Ok(change);
        }
    }
}

/// A change in one line: how far it has come and since when, what it is, which rule it broke, and why.
pub fn line(change: &Value) -> String {
    let watched = change["watched"].as_object().into_iter().flatten();
    let watched = watched
        .map(|(zone, seen)| format!("{zone} {} of {} ticks", seen["ticks"], change["probation_ticks"]));
    let last = change["steps"].as_array().and_then(|steps| steps.last()).unwrap_or(&Value::Null);
    let why = format!("{}: {}", text(&last["who"]), first_line(text(&last["why"])));
    let rest: Vec<String> = rule(change).into_iter().chain(watched).chain([why]).collect();
    let (id, state) = (change["id"].to_string(), text(&change["state"]));
    format!("{id:>5} {state:<12} {:<20} {:<36} {}", when(last), label(change), rest.join(", "))
}

/// Every step of a change, and the rule that ended it with what was measured.
fn details(change: &Value) -> Vec<String> {
    let steps = change["steps"].as_array().into_iter().flatten();
    let steps = steps.map(|step| {
        format!("{:<12} {} {}: {}", text(&step["state"]), when(step), text(&step["who"]), text(&step["why"]))
    });
    let breach = &change["breach"];
    let broken = breach["rule"].as_str().map(|rule| {
        let (zone, what, after) = (text(&breach["zone"]), text(&breach["what"]), &breach["after_ticks"]);
        let back = breach["back_in_ticks"].as_u64();
        let back = back.map(|ticks| format!(", the version before was back in {ticks}")).unwrap_or_default();
        format!("rule {rule} in {zone}: {what}; after {after} ticks{back}")
    });
    let rests_on = &change["rests_on"];
    let rests_on = rests_on.is_object().then(|| format!("its proof rests on {}", basis(rests_on)));
    let watched = change["watched"].as_object().into_iter().flatten().filter_map(|(zone, seen)| {
        let p99 = seen["tick_p99_ms"].as_f64()?;
        Some(format!("watched in {zone}: {} ticks, 99 of 100 took at most {p99:.1} ms", seen["ticks"]))
    });
    steps.chain(rests_on).chain(watched).chain(broken).collect()
}

/// How many calls a proof rests on.
pub fn basis(rests_on: &Value) -> String {
    format!("{} recorded calls, {} made up", rests_on["recorded"], rests_on["made_up"])
}

/// The rule of its probation that a change broke, or that its proof holds it.
fn rule(change: &Value) -> Option<String> {
    if change["state"] == "held" {
        return (change["proof"]["verdict"] == "hold").then(|| "rule proof".to_owned());
    }
    change["breach"]["rule"].as_str().map(|rule| format!("rule {rule}"))
}

/// The label of a change or a module with 12 digits of its digest: `combat@0.1.0+1a2b3c4d5e6f`.
pub fn label(labelled: &Value) -> String {
    let (label, digest) = (text(&labelled["label"]), text(&labelled["digest"]));
    match label.rsplit_once('+') {
        Some((name, short)) if digest.starts_with(short) => format!("{name}+{digest:.12}"),
        _ => label.to_owned(),
    }
}

/// When a step was taken.
fn when(step: &Value) -> String {
    let at = step["at_ms"].as_u64().map(|ms| UNIX_EPOCH + Duration::from_millis(ms));
    at.map_or_else(|| "?".to_owned(), |at| format_rfc3339_seconds(at).to_string())
}

/// Of all mistakes in a content the first, of a failure what failed.
pub fn first_line(text: &str) -> String {
    match text.split_once('\n') {
        Some((first, _)) => format!("{first} ..."),
        None => text.to_owned(),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use serde_json::json;

    #[test]
    fn a_line_tells_when_and_which_rule_was_broken() {
        let change = json!({
            "id": 12, "state": "rolled-back", "label": "combat@0.1.0+1a2b3c4d", "digest": "1a2b3c4d5e6f7081",
            "probation_ticks": 200, "watched": {"greywood": {"ticks": 41}}, "proof": null,
            "breach": {
                "rule": "fuel", "zone": "greywood", "after_ticks": 41, "back_in_ticks": 2,
                "what": "combat.resolve uses 9 fuel a view, at most 4 are allowed",
            },
            "steps": [
                {"state": "probation", "at_ms": 1_757_845_351_000_u64, "who": "ada", "why": "harder"},
                {"state": "rolled-back", "at_ms": 1_757_845_353_999_u64, "who": "loreforge", "why": "too much\nof it"},
            ],
        });
        let shown = [vec![line(&change)], details(&change)].concat().join("\n");
        expect![[r#"
               12 rolled-back  2025-09-14T10:22:33Z combat@0.1.0+1a2b3c4d5e6f            rule fuel, greywood 41 of 200 ticks, loreforge: too much ...
            probation    2025-09-14T10:22:31Z ada: harder
            rolled-back  2025-09-14T10:22:33Z loreforge: too much
            of it
            rule fuel in greywood: combat.resolve uses 9 fuel a view, at most 4 are allowed; after 41 ticks, the version before was back in 2"#]]
        .assert_eq(&shown);
    }

    #[test]
    fn what_its_proof_holds_is_told_from_what_a_person_holds() {
        let held = |proof: Value| {
            let steps = json!([{"state": "held", "at_ms": 0, "who": "ada", "why": "look"}]);
            line(&json!({
                "id": 1, "state": "held", "label": "content+0a1b2c3d", "digest": "0a1b2c3d4e5f6071",
                "watched": {}, "proof": proof, "breach": null, "steps": steps,
            }))
        };
        let of_proof = held(json!({"verdict": "hold", "why": ["much"]}));
        assert!(of_proof.ends_with("rule proof, ada: look"), "{of_proof}");
        let of_person = held(Value::Null);
        assert!(of_person.contains("content+0a1b2c3d4e5f ") && !of_person.contains("rule"), "{of_person}");
    }
}
