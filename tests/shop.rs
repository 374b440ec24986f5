//! A customer of Tobin's: prices, purchases, sales, and prices that change while the shop is open.

use crate::live::{Workshop, lore};
use crate::support::socket::Socket;
use crate::support::world::{Hero, World};
use serde_json::{Value, json};

/// A newcomer who stands before Tobin's shelves.
async fn customer(world: &World) -> (Hero, Socket, u64) {
    let (hero, mut socket) = world.player("mage").await;
    let tobin = socket.replica.find("tobin").unwrap();
    socket.rejected("shop.list", json!({"npc": tobin}), "out_of_range").await;
    socket.walk(189_000, 109_000, 20_000).await;
    (hero, socket, tobin)
}

/// What is asked or paid for an item.
fn price(prices: &Value, item: &str) -> Option<u64> {
    let all = prices.as_array().unwrap();
    all.iter().find(|price| price["item"] == item).map(|price| price["price"].as_u64().unwrap())
}

#[tokio::test]
async fn things_and_gold_change_hands_at_the_prices_the_script_makes() {
    let mut world = World::start();
    let (hero, mut socket, npc) = customer(&world).await;
    let prices = socket.done("shop.list", json!({"npc": npc})).await;
    assert_eq!((&prices["shop"], &prices["title"]), (&json!("trader"), &json!("Tobin's Wares")));
    assert!(prices["by"].as_str().unwrap().starts_with("economy@"), "{prices}");
    let (asks, pays) = (&prices["asks"], &prices["pays"]);
    // 12 tenths of the value, rounded up, and 4 tenths, rounded down; bread would bring nothing.
    assert_eq!((price(asks, "bread"), price(asks, "iron_sword")), (Some(2), Some(48)));
    assert_eq!((price(pays, "mana_potion"), price(pays, "bread")), (Some(4), None));
    assert_eq!(price(pays, "iron_sword"), None, "one is told of what one carries");

    socket.forget_notes();
    let bought = socket.done("shop.buy", json!({"npc": npc, "item": "bread", "count": 4, "price": 2})).await;
    assert_eq!(bought, json!({"price": 2, "count": 4}));
    let paid = socket.notified("character.update").await;
    assert_eq!((&paid["gold"], &paid["gold_delta"]), (&json!(2), &json!(-8)));
    assert!(paid["by"].as_str().unwrap().starts_with("economy@"), "{paid}");
    assert_eq!(socket.count_of("bread").await, 7);

    let slot = socket.slot_of("mana_potion").await;
    let sold = socket.done("shop.sell", json!({"npc": npc, "slot": slot, "count": 2, "price": 4})).await;
    assert_eq!(sold, json!({"price": 4, "count": 2}));
    let mine = socket.done("inventory.list", json!({})).await;
    assert_eq!(mine["gold"], 10);
    assert_eq!(socket.count_of("mana_potion").await, 0);
    socket.close().await;

    // All of it is durable, and the book says from where and where to.
    let mut socket = world.join(&hero).await;
    let mine = socket.done("inventory.list", json!({})).await;
    assert_eq!((mine["gold"].as_u64(), socket.count_of("bread").await), (Some(10), 7));
    socket.close().await;
    world.terminate();
    assert!(world.ended().await.success());
    let audit = lore().args(["audit", "--json", "--data"]).arg(world.data()).output().unwrap();
    assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));
}

#[tokio::test]
async fn what_cannot_be_traded_stays_where_it_is() {
    let world = World::start();
    let (_, mut socket, npc) = customer(&world).await;
    let before = socket.done("inventory.list", json!({})).await;
    let mira = socket.replica.find("mira").unwrap();
    let you = socket.replica.you;
    let bread = socket.slot_of("bread").await;
    let buy = |item: &str, count: u64| json!({"npc": npc, "item": item, "count": count});
    let sell = |slot: u64, count: u64| json!({"npc": npc, "slot": slot, "count": count});
    for (method, params, rejection) in [
        ("shop.list", json!({"npc": 9_999_999}), "no_target"),
        ("shop.list", json!({"npc": you}), "wrong_target"),
        ("shop.list", json!({"npc": mira}), "wrong_target"),
        ("shop.buy", buy("greyjaw_mantle", 1), "not_for_sale"),
        ("shop.buy", buy("no_such_thing", 1), "not_for_sale"),
        ("shop.buy", buy("bread", 0), "bad_count"),
        ("shop.buy", buy("bread", u64::from(u32::MAX)), "bad_count"),
        ("shop.buy", buy("bread", 6), "not_enough_gold"),
        ("shop.buy", json!({"npc": npc, "item": "bread", "count": 1, "price": 1}), "price_changed"),
        ("shop.sell", sell(31, 1), "empty_slot"),
        ("shop.sell", sell(bread, 0), "bad_count"),
        ("shop.sell", sell(bread, 4), "bad_count"),
        ("shop.sell", sell(bread, 1), "not_for_sale"),
    ] {
        socket.rejected(method, params, rejection).await;
    }
    assert_eq!(socket.done("inventory.list", json!({})).await, before);
    socket.close().await;
}

#[tokio::test]
async fn a_new_version_of_the_script_makes_new_prices_at_once() {
    let build = || {
        let workshop = Workshop::open().unwrap();
        let (from, to) = (".div_ceil(100_000).max(value)", ".div_ceil(100_000).max(value) * 3");
        workshop.build("economy", "0.2.0", "src/price.rs", from, to).unwrap()
    };
    let dear = tokio::task::spawn_blocking(build).await.unwrap();
    let world = World::start();
    let (_, mut socket, npc) = customer(&world).await;
    let before = socket.done("shop.list", json!({"npc": npc})).await;
    assert_eq!(price(&before["asks"], "bread"), Some(2));
    let file = world.data().join("dear.wasm");
    std::fs::write(&file, dear).unwrap();
    let pushed = world.lore(&["push", file.to_str().unwrap()]);
    assert!(pushed.status.success(), "{}", String::from_utf8_lossy(&pushed.stderr));
    // Who still has the old price in mind is not charged the new one.
    let buy = json!({"npc": npc, "item": "bread", "count": 1, "price": 2});
    socket.rejected("shop.buy", buy, "price_changed").await;
    let after = socket.done("shop.list", json!({"npc": npc})).await;
    assert_eq!(price(&after["asks"], "bread"), Some(6));
    assert!(after["by"].as_str().unwrap().starts_with("economy@0.2.0+"), "{after}");
    let bought = socket.done("shop.buy", json!({"npc": npc, "item": "bread", "count": 1})).await;
    assert_eq!(bought, json!({"price": 6, "count": 1}));
    socket.close().await;
}
