//! Sends one message and waits until the server has acknowledged it: `hello juliet@example.org romeo@example.net "Hi"`.
#![allow(clippy::print_stdout, reason = "an example writes to standard output")]

mod support;

use std::error::Error;

use snapback_client::{Client, Event, Stage};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let [account, to, text] = support::arguments("hello ACCOUNT TO TEXT")?;
    let client = Client::open(support::config(&account)?)?;
    client.connect();
    // The message is stored, and is sent as soon as there is a session.
    let sent = client.send_message(&to, &text).await?;
    while let Some(event) = client.next_event().await {
        match event {
            Event::Online { jid, timeline, .. } => {
                println!(
                    "online as {jid} after {} round trips",
                    timeline.round_trips()
                );
            }
            Event::Stage { id, stage } if id == sent => match stage {
                Stage::Acked => {
                    println!("the server has the message");
                    break;
                }
                Stage::Failed(error) => return Err(format!("not sent: {error:?}").into()),
                _ => {}
            },
            Event::Ended { reason, .. } => println!("no connection: {reason}"),
            _ => {}
        }
    }
    // Closes the stream: what others send from now on waits at the server.
    client.disconnect().await;
    Ok(())
}
