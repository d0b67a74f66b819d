//! Answers each message with its own text: `echo_bot juliet@example.org`. Ends when the client does.
#![allow(clippy::print_stdout, reason = "an example writes to standard output")]

mod support;

use std::error::Error;

use snapback_client::proto::ns;
use snapback_client::{Client, Event};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let [account] = support::arguments("echo_bot ACCOUNT")?;
    let client = Client::open(support::config(&account)?)?;
    client.connect();
    while let Some(event) = client.next_event().await {
        match &event {
            Event::Online { jid, outcome, .. } => println!("{outcome:?} as {jid}"),
            Event::Ended { reason, .. } => println!("no connection: {reason}"),
            Event::Message { delivery } => {
                let stanza = &delivery.stanza;
                let from = stanza.attr("from");
                let body = stanza.child("body", ns::CLIENT).map(|body| body.text());
                // An answer to an error would be answered with an error.
                if let (Some(from), Some(body)) = (from, body)
                    && stanza.attr("type") != Some("error")
                {
                    println!("{from}: {body}");
                    client.send_message(from, &body).await?;
                }
            }
            _ => {}
        }
        // After the answer is stored: if the process ends before this line, the message is delivered again, and
        // answered.
        if let Some(delivery) = event.delivery() {
            client.confirm(&delivery.id);
        }
    }
    Ok(())
}
