//! `lore changes`, `lore approve`, `lore reject`

use crate::admin::client::{AdminArgs, AdminClient, CallError};
use serde_json::Value;

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
    after_help = "Examples:\n  lore approve 12 --why 'looked at the canary for an hour'\n  lore reject 12 --why 'too strong'"
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
            super::plan::describe(&super::plan::report(&answer)?);
        } else if id.is_some() {
            println!("{}", line(&answer));
            answer["steps"].as_array().into_iter().flatten().for_each(|step| {
                println!("  {:<12} {} {}", text(&step["state"]), text(&step["who"]), text(&step["why"]));
            });
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

/// A change in one line.
pub fn line(change: &Value) -> String {
    let watched = change["watched"].as_object().into_iter().flatten();
    let watched: Vec<String> = watched
        .map(|(zone, seen)| format!("{zone} {} of {} ticks", seen["ticks"], change["probation_ticks"]))
        .collect();
    let last = change["steps"].as_array().and_then(|steps| steps.last());
    let why = last.map(|step| format!("{}: {}", text(&step["who"]), text(&step["why"]))).unwrap_or_default();
    let (id, state, label) = (change["id"].to_string(), text(&change["state"]), text(&change["label"]));
    format!("{id:>5} {state:<12} {label:<36} {} {why}", watched.join(", "))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}
