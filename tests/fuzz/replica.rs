//! What is fuzzed of the client: frames of a server that may say anything.

use runtime::client::frame::Encoding;
use runtime::load::replica::Replica;

/// The first byte chooses the encoding (1) and whether others are looked past (2); then follow frames of a server, each
/// with its length in two bytes before it. Whatever they say, what is kept of them is no more than they said.
pub fn delta(bytes: &[u8]) {
    let Some((how, mut rest)) = bytes.split_first() else { return };
    let mut replica = Replica::default();
    if how & 2 != 0 {
        replica.look_past_others();
    }
    for (id, method) in (1..).zip(["world.join", "inventory.list", "shop.list", "system.ping"]) {
        assert!(replica.asked(id, method));
    }
    replica.sent_seq = 20;
    let mut heard = 0;
    while let Some(([low, high], more)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(more.len());
        let (frame, left) = more.split_at(length);
        rest = left;
        heard += frame.len();
        let mut faults = Vec::new();
        match Encoding::ALL[usize::from(how & 1)] {
            Encoding::Json => drop(replica.hear_text(&String::from_utf8_lossy(frame), &mut faults)),
            Encoding::Proto => drop(replica.hear_binary(frame, &mut faults)),
        }
        assert!(faults.len() <= frame.len() + 4, "{} faults of {} bytes", faults.len(), frame.len());
        faults.iter().for_each(|fault| assert!(!fault.to_string().is_empty()));
        assert!(replica.entities.len() <= heard, "{} of {heard} bytes", replica.entities.len());
        assert!(replica.pending() <= 4 && replica.ack <= replica.sent_seq);
        drop(replica.own().cloned());
    }
}
