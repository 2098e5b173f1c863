//! An anonymous contact that turns out to be known.

use contracts::log::Cause;

use super::*;

#[test]
fn who_turns_out_to_be_known_hands_on_what_waits_and_what_would_wait() {
    let mut inbox = Inbox::new();
    inbox.say(1, track("A"));
    inbox.say(2, track("B"));
    assert_eq!(inbox.say(3, link(0xb0b)), ["to b0b: A at 1", "to b0b: B at 2"]);
    assert_eq!(inbox.say(4, track("C")), ["to b0b: C at 4"]);
    assert_eq!(inbox.say(5, track_in("acme", "D")), ["acme: D at 5", "acme: joined at 5"]);
    assert_eq!(inbox.say(6, track("E")), ["acme: E at 6"]);
}

#[test]
fn the_first_link_stays() {
    let mut inbox = Inbox::new();
    inbox.say(1, link(0xb0b));
    assert!(inbox.say(2, link(0xe7e)).is_empty());
    assert_eq!(inbox.say(3, track("A")), ["to b0b: A at 3"]);
}

#[test]
fn what_was_handed_on_is_not_handed_on_again() {
    let mut inbox = Inbox::new();
    inbox.say(1, link(0xb0b));
    assert!(inbox.take_over(2, track("A")).is_empty(), "it waits");
    assert_eq!(inbox.say(3, track_in("acme", "B")), ["acme: A at 2", "acme: B at 3", "acme: joined at 3"]);
    assert_eq!(inbox.take_over(4, track("C")), ["acme: C at 4"]);
}

#[test]
fn a_message_counts_where_it_came_in_and_a_link_does_not() {
    let counted = |message: Message, cause: Option<Cause>| {
        let (mut inbox, mut out) = (Inbox::new(), Forwards::default());
        let (key, header) = (inbox_key("w", &message), Header { cause, ..Header::default() });
        inbox.at(&key, 1, |context, state| Attribution.fold(context, state, &header, message, &mut out));
        out.items.contains(&Item::Counted)
    };
    assert!(counted(track("A"), None));
    assert!(!counted(track("A"), Some(Cause::default())));
    assert!(!counted(link(0xb0b), None));
}

#[test]
fn a_link_to_nobody_is_not_read() {
    let read = |message: Message| {
        let body = InboxRecord { header: None, control: None, kind: Some(Kind::Message(message)) };
        let value = body.encode_to_vec().into();
        let record = Stored { offset: 0, appended_at: 0, value, traceparent: None };
        Attribution.read_fact(&Header { id: contracts::id_bytes(1).into(), ..Header::default() }, &record)
    };
    assert!(read(link(0xb0b)).is_ok());
    assert!(read(message(MessageKind::Link)).is_err());
    assert!(read(Message { contact: Vec::new(), ..link(0xb0b) }).is_err());
}
