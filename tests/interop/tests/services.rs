//! What an app asks of a server, typed: block lists, upload slots, avatars, vCards, discovery, password change, deletion.
#![allow(
    clippy::print_stderr,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test"
)]

use std::time::Duration;

use snapback_client::proto::stanza::StanzaCondition;
use snapback_client::service::avatar::AvatarMetadata;
use snapback_client::service::pubsub::{self, AccessModel, NodeChange, NodeEvent, NodeOptions};
use snapback_client::service::upload::Upload;
use snapback_client::{
    BareJid, BlockListChange, Client, ClientConfig, Element, Event, IqError, Jid, OutgoingAvatar,
    ServerAddress, ServiceError, Transport, Trust, danger,
};
use snapback_interop::{Account, Credentials, Flavour, RunningServer, ServerConfig, start_or_skip};

const TIMEOUT: Duration = Duration::from_secs(60);
const METADATA: &str = "urn:xmpp:avatar:metadata";

fn started(flavour: Flavour) -> Option<RunningServer> {
    let config = ServerConfig {
        uploads: true,
        ..ServerConfig::new(flavour)
    };
    tokio::task::block_in_place(|| start_or_skip(config))
}

async fn online(server: &RunningServer, account: Account) -> Client {
    let (client, _) = online_as(server, server.account(account)).await;
    client
}

async fn online_as(server: &RunningServer, credentials: &Credentials) -> (Client, String) {
    let mut config = ClientConfig::new(&credentials.jid, &credentials.password).unwrap();
    let roots = danger::Roots::from_pem(server.ca_pem().as_bytes()).unwrap();
    config.trust = Trust::Roots(roots);
    config.network.servers = vec![ServerAddress::at(
        server.direct_addr(),
        Transport::DirectTls,
    )];
    config.identity.features = vec![pubsub::notify_feature(METADATA)];
    let client = Client::open(config).unwrap();
    client.connect();
    let online = event(&client, |event| matches!(event, Event::Online { .. })).await;
    let Event::Online { jid, .. } = online else {
        panic!("{online:?}");
    };
    (client, jid)
}

async fn event(client: &Client, is_it: impl Fn(&Event) -> bool) -> Event {
    let wait = async {
        loop {
            let event = client.next_event().await.expect("the client runs");
            if let Some(delivery) = event.delivery() {
                client.confirm(&delivery.id);
            }
            if is_it(&event) {
                return event;
            }
        }
    };
    tokio::time::timeout(TIMEOUT, wait)
        .await
        .expect("the event")
}

#[tokio::test(flavor = "multi_thread")]
async fn prosody_13_0() {
    let Some(server) = started(Flavour::ProsodyStock) else {
        return;
    };
    block_lists(&server).await;
    avatars(&server).await;
    discovery_and_profiles(&server).await;
    uploads(&server).await;
    account(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ejabberd() {
    let Some(server) = started(Flavour::Ejabberd) else {
        return;
    };
    block_lists(&server).await;
    avatars(&server).await;
    discovery_and_profiles(&server).await;
}

async fn block_lists(server: &RunningServer) {
    let (one, two) = (
        online(server, Account::Juliet).await,
        online(server, Account::Juliet).await,
    );
    assert_eq!(one.block_list().await.unwrap().jids, []);
    assert_eq!(two.block_list().await.unwrap().jids, []);
    let romeo: Jid = server.account(Account::Romeo).jid.parse().unwrap();
    let spam: Jid = "spam.example".parse().unwrap();
    one.block(&[romeo.clone(), spam.clone()]).await.unwrap();
    let mut blocked = one.block_list().await.unwrap().jids;
    blocked.sort_by_key(Jid::to_string);
    assert_eq!(blocked, [romeo.clone(), spam]);
    // Each client that has asked for the list gets the change.
    for client in [&one, &two] {
        let is_push = |event: &Event| matches!(event, Event::BlockListChanged(_));
        let pushed = event(client, is_push).await;
        let Event::BlockListChanged(BlockListChange::Blocked(list)) = pushed else {
            panic!("{pushed:?}");
        };
        assert!(list.jids.contains(&romeo), "{list:?}");
    }
    one.unblock(&[romeo]).await.unwrap();
    assert_eq!(one.block_list().await.unwrap().jids.len(), 1);
    one.unblock_all().await.unwrap();
    assert_eq!(one.block_list().await.unwrap().jids, []);
    let is_end = |event: &Event| {
        matches!(
            event,
            Event::BlockListChanged(BlockListChange::AllUnblocked)
        ) || matches!(
            event,
            Event::BlockListChanged(BlockListChange::Unblocked(_))
        )
    };
    event(&two, is_end).await;
    one.disconnect().await;
    two.disconnect().await;
}

async fn avatars(server: &RunningServer) {
    let (one, two) = (
        online(server, Account::Juliet).await,
        online(server, Account::Juliet).await,
    );
    let me: BareJid = server.account(Account::Juliet).jid.parse().unwrap();
    assert_eq!(one.avatar_metadata(&me).await.unwrap().formats, []);
    let avatar = OutgoingAvatar {
        data: (0..20_000_u32).map(|n| n.to_le_bytes()[0]).collect(),
        media_type: "image/png".to_owned(),
        width: Some(64),
        height: Some(64),
    };
    let id = one.publish_avatar(&avatar, None).await.unwrap();
    // The other client has advertised that it wants to know.
    let is_avatar = |event: &Event| {
        matches!(event, Event::Message { delivery }
        if NodeEvent::of(&delivery.stanza, &"juliet@snapback.test".parse().unwrap()).is_some())
    };
    let message = event(&two, is_avatar).await;
    let stanza = &message.delivery().unwrap().stanza;
    let notice = NodeEvent::of(stanza, &me).unwrap().unwrap();
    assert_eq!(
        (notice.service, notice.node.as_str()),
        (me.clone(), METADATA)
    );
    let NodeChange::Items { published, .. } = notice.change else {
        panic!("{:?}", notice.change);
    };
    let payload = published.first().and_then(|item| item.payload.as_ref());
    let metadata = AvatarMetadata::parse(payload.unwrap()).unwrap();
    assert_eq!(metadata.formats.first().map(|format| format.id), Some(id));
    assert_eq!(two.avatar_metadata(&me).await.unwrap(), metadata);
    assert_eq!(two.avatar_data(&me, id).await.unwrap(), avatar.data);
    // The nodes are there, and for contacts only.
    let open = one.publish_avatar(&avatar, Some(AccessModel::Open)).await;
    assert_eq!(open, Err(ServiceError::PreconditionNotMet));
    for node in [METADATA, "urn:xmpp:avatar:data"] {
        let options = NodeOptions::with_access(AccessModel::Open);
        one.configure_node(None, node, &options).await.unwrap();
    }
    let open = one.publish_avatar(&avatar, Some(AccessModel::Open)).await;
    assert_eq!(open, Ok(id));
    one.disable_avatar().await.unwrap();
    assert_eq!(one.avatar_metadata(&me).await.unwrap().formats, []);
    one.disconnect().await;
    two.disconnect().await;
}

async fn discovery_and_profiles(server: &RunningServer) {
    let client = online(server, Account::Romeo).await;
    let me: BareJid = server.account(Account::Romeo).jid.parse().unwrap();
    let host: Jid = server.domain().parse().unwrap();
    let info = client.disco_info(&host, None).await.unwrap();
    assert!(
        info.features
            .iter()
            .any(|feature| feature == "urn:xmpp:blocking"),
        "{info:?}"
    );
    assert!(client.disco_items(&host, None).await.unwrap().unreadable == 0);
    assert_eq!(client.nick(&me).await.unwrap(), None);
    client.publish_nick("Romeo <3").await.unwrap();
    assert_eq!(client.nick(&me).await.unwrap().as_deref(), Some("Romeo <3"));
    let text = Element::new("text", "urn:ietf:params:xml:ns:vcard-4.0").with_text("Romeo Montague");
    let name = Element::new("fn", "urn:ietf:params:xml:ns:vcard-4.0").with_child(text);
    let card = Element::new("vcard", "urn:ietf:params:xml:ns:vcard-4.0").with_child(name);
    let options = NodeOptions::default();
    client
        .publish(None, "urn:xmpp:vcard4", Some("current"), card, &options)
        .await
        .unwrap();
    let card = client.vcard(&me).await.unwrap();
    assert_eq!(card.full_name.as_deref(), Some("Romeo Montague"));
    let other = client.node_items(None, "urn:example:none", None).await;
    assert!(
        matches!(&other, Err(ServiceError::Request(IqError::Refused(error)))
        if error.condition == StanzaCondition::ItemNotFound),
        "{other:?}"
    );
    client.disconnect().await;
}

async fn uploads(server: &RunningServer) {
    let client = online(server, Account::Romeo).await;
    let service = client.upload_service().await.unwrap().unwrap();
    assert_eq!(service.jid.to_string(), "upload.snapback.test");
    assert_eq!(service.max_file_size, Some(20_000));
    let mut file = Upload {
        name: "très cool.jpg".to_owned(),
        size: 12_345,
        media_type: Some("image/jpeg".to_owned()),
        purpose: Default::default(),
    };
    let slot = client.upload_slot(&service, &file).await.unwrap();
    assert!(
        slot.put.starts_with("https://upload.snapback.test/"),
        "{}",
        slot.put
    );
    assert!(slot.get.starts_with("https://upload.snapback.test/"));
    assert!(
        slot.headers
            .iter()
            .any(|header| header.name == "Authorization")
    );
    file.size = 20_001;
    let limit = Some(20_000);
    let too_large = Err(ServiceError::FileTooLarge { limit });
    assert_eq!(client.upload_slot(&service, &file).await, too_large);
    // The same from the service itself.
    let unlimited = snapback_client::UploadService {
        max_file_size: None,
        ..service
    };
    assert_eq!(client.upload_slot(&unlimited, &file).await, too_large);
    client.disconnect().await;
}

async fn account(server: &RunningServer) {
    let credentials = server.account(Account::Romeo);
    let client = online(server, Account::Romeo).await;
    client.change_password("a new <password>").await.unwrap();
    client.disconnect().await;
    let changed = Credentials {
        jid: credentials.jid.clone(),
        password: "a new <password>".to_owned(),
    };
    let (client, _) = online_as(server, &changed).await;
    client.delete_account().await.unwrap();
    let mut config = ClientConfig::new(&changed.jid, &changed.password).unwrap();
    let roots = danger::Roots::from_pem(server.ca_pem().as_bytes()).unwrap();
    config.trust = Trust::Roots(roots);
    config.network.servers = vec![ServerAddress::at(
        server.direct_addr(),
        Transport::DirectTls,
    )];
    let gone = Client::open(config).unwrap();
    gone.connect();
    event(&gone, |event| matches!(event, Event::Ended { .. })).await;
}
