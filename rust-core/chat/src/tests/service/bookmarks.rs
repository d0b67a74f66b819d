use super::super::account;
use super::{element, stanza};
use crate::service::bookmarks::{Bookmark, BookmarkChange, Bookmarks, MAX_TEXT, options};
use crate::service::pubsub::parse_items;

const CONFERENCE: &str = "<conference xmlns='urn:xmpp:bookmarks:1' name='Theatre' autojoin='true'><nick>JC</nick>\
     <password> in the open </password><extensions><a xmlns='urn:x'/><b xmlns='urn:y'>z</b></extensions></conference>";

fn items(items: &str) -> Bookmarks {
    let result = stanza(&format!(
        "<iq type='result' id='1'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'>\
         {items}</items></pubsub></iq>"
    ));
    Bookmarks::among(&parse_items(&result, "urn:xmpp:bookmarks:1").unwrap())
}

fn change(from: &str, change: &str) -> Option<BookmarkChange> {
    let message = stanza(&format!(
        "<message{from}><event xmlns='http://jabber.org/protocol/pubsub#event'>{change}</event></message>"
    ));
    BookmarkChange::of(&message, &account())
}

#[test]
fn a_bookmark_is_read_and_written_with_what_others_have_added() {
    let read = items(&format!(
        "<item id='theplay@conference.shakespeare.lit'>{CONFERENCE}</item>"
    ));
    let [bookmark] = read.list.as_slice() else {
        panic!("{read:?}");
    };
    assert_eq!(
        bookmark.room.to_string(),
        "theplay@conference.shakespeare.lit"
    );
    assert!(bookmark.auto_join);
    assert_eq!(bookmark.nick.as_deref(), Some("JC"));
    let password = bookmark.password.as_ref().unwrap();
    assert_eq!(password.expose(), " in the open ");
    assert!(!format!("{bookmark:?}").contains("open"));
    assert_eq!(bookmark.to_element(), element(CONFERENCE));
    let plain = Bookmark::new(bookmark.room.clone()).to_element();
    assert_eq!(plain.to_xml(), "<conference xmlns='urn:xmpp:bookmarks:1'/>");
}

#[test]
fn the_node_is_for_the_account_only_and_keeps_everything() {
    let fields = options().others;
    let has = |name: &str, value: &str| fields.contains(&(name.to_owned(), value.to_owned()));
    assert!(has("pubsub#max_items", "max") && has("pubsub#send_last_published_item", "never"));
}

#[test]
fn w2_an_item_that_cannot_be_read_spoils_no_other() {
    let long = "n".repeat(MAX_TEXT + 1);
    let read = items(&format!(
        "<item id='a@b/c'>{CONFERENCE}</item><item id='@'>{CONFERENCE}</item><item>{CONFERENCE}</item>\
         <item id='one@b'><other xmlns='urn:x'/></item><item id='two@b'/>\
         <item id='three@b'><conference xmlns='urn:xmpp:bookmarks:1' name='{long}' autojoin='1'/></item>"
    ));
    assert_eq!((read.list.len(), read.unreadable), (1, 5));
    assert_eq!(read.list[0].name, None);
    assert!(read.list[0].auto_join);
}

#[test]
fn t7_only_the_account_changes_its_bookmarks() {
    let item = format!(
        "<items node='urn:xmpp:bookmarks:1'><item id='a@b'>{CONFERENCE}</item><retract id='c@d'/></items>"
    );
    let own = account();
    for from in [String::new(), format!(" from='{own}'")] {
        let Some(BookmarkChange::Changed { set, removed }) = change(&from, &item) else {
            panic!("from {from}");
        };
        assert_eq!((set.list.len(), removed.len()), (1, 1));
    }
    assert!(change(" from='mallory@example.net'", &item).is_none());
    assert!(change(&format!(" from='{own}/other'"), &item).is_none());
    let other = item.replace("urn:xmpp:bookmarks:1'><item", "urn:other'><item");
    assert!(change("", &other).is_none());
    for all in ["purge", "delete"] {
        let gone = change("", &format!("<{all} node='urn:xmpp:bookmarks:1'/>"));
        assert!(matches!(gone, Some(BookmarkChange::Cleared)));
    }
}
