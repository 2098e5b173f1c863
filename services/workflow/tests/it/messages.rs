//! Messages to people: in Slack, and by e-mail.

use contracts::{
    account::NotificationState,
    cta::{
        ListEndpointsRequest, ListTeamRequest, Notification, PutTeamMemberRequest, RemoveTeamMemberRequest,
        SetEndpointRequest, TeamMember,
    },
};
use serde_json::{Value as Json, json};
use workflow::{Config, Mail};

use crate::{
    receiver::{Answer, Receiver},
    smtp::MailServer,
    support::{WORKSPACE, World, config},
};

/// Each order opens a risk CTA of ana's, and tells of it there.
fn catalogue(endpoint: Json, message: Option<&str>) -> Json {
    let mut notify = json!({"endpoint": "there"});
    if let Some(message) = message {
        notify["message"] = json!(message);
    }
    let open = json!({"type": "risk", "title": "Call <them>", "priority": 1, "owner": "ana"});
    json!({
        "endpoints": {"there": endpoint},
        "messages": {"alert": {"subject": "{{ name }} is in danger", "text": "*{{ name }}*: {{ cta.title }} {{ owner.mention }}"}},
        "playbooks": {"churn_risk": {
            "trigger": {"event": {"name": "Order Completed"}},
            "steps": [{"open_cta": open}, {"notify": notify}],
        }},
    })
}

async fn world(config: Config, endpoint: Json, message: Option<&str>) -> anyhow::Result<World> {
    let world = World::start(config, "https://crm.example.com").await?;
    world.apply(2, &catalogue(endpoint, message)).await?;
    Ok(world)
}

fn ended(notification: &Notification) -> bool {
    notification.state() != NotificationState::Open && notification.attempts.iter().all(|it| it.began_at > 0)
}

impl World {
    async fn set_slack(&mut self, set: SetEndpointRequest) -> anyhow::Result<String> {
        let set = SetEndpointRequest { workspace: WORKSPACE.into(), endpoint: "there".into(), ..set };
        let endpoint = self.client.set_endpoint(set).await?.into_inner().endpoint.unwrap_or_default();
        Ok(endpoint.address)
    }

    async fn set_ana(&mut self) -> anyhow::Result<()> {
        let (email, slack_member) = ("ana@example.com".into(), "U0123".into());
        let member = TeamMember { owner: "ana".into(), name: "Ana Ruiz".into(), email, slack_member };
        let request = PutTeamMemberRequest { workspace: WORKSPACE.into(), member: Some(member) };
        self.client.put_team_member(request).await?;
        Ok(())
    }

    /// The one of the order, once it has come to its end.
    async fn told(&mut self, order: u128) -> anyhow::Result<Notification> {
        let before = self.notifications().await?;
        self.order(order).await?;
        self.notification(|it| ended(it) && !before.contains(&it.notification)).await
    }

    async fn notifications(&mut self) -> anyhow::Result<Vec<String>> {
        let request =
            contracts::cta::ListNotificationsRequest { workspace: WORKSPACE.into(), ..Default::default() };
        let found = self.client.list_notifications(request).await?.into_inner().notifications;
        Ok(found.into_iter().map(|it| it.notification).collect())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_is_told_by_its_webhook_once_somebody_said_where_it_is() -> anyhow::Result<()> {
    let mut slack = Receiver::start([]).await?;
    let mut world = world(config(), json!({"slack": {}}), Some("alert")).await?;
    let failed = world.told(1).await?;
    assert_eq!((failed.state(), failed.channel.as_str()), (NotificationState::Failed, "slack"));
    let how = "nobody said where there is: perennial endpoints set there --slack-webhook URL";
    assert_eq!(failed.attempts[0].error, how);
    let set = SetEndpointRequest { slack_webhook_url: slack.url(), ..Default::default() };
    let shown = world.set_slack(set).await?;
    assert!(shown.ends_with("…hook") && !shown.contains(&slack.url()), "{shown}");
    world.set_ana().await?;
    assert_eq!(world.told(2).await?.state(), NotificationState::Delivered);
    let body: Json = serde_json::from_str(&slack.call().await?.body)?;
    assert_eq!(body["blocks"][0]["text"]["text"], "*globex*: Call &lt;them&gt; <@U0123>");
    assert_eq!(body["text"], "*globex*: Call &lt;them&gt; <@U0123>");
    assert_eq!(body["blocks"][1]["type"], "context");
    let request = ListEndpointsRequest { workspace: WORKSPACE.into(), ..Default::default() };
    let listed = world.client.list_endpoints(request).await?.into_inner().endpoints;
    assert_eq!(
        (listed[0].channel.as_str(), &listed[0].address, listed[0].secret.as_str()),
        ("slack", &shown, "")
    );
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_posts_what_belongs_together_as_one_thread_and_slack_says_what_is_wrong() -> anyhow::Result<()>
{
    let ok = |ts: &str| Answer::Body(200, json!({"ok": true, "ts": ts}).to_string());
    let refused = Answer::Body(200, json!({"ok": false, "error": "channel_not_found"}).to_string());
    let mut slack = Receiver::start([ok("1.1"), ok("2.2"), refused]).await?;
    let config = Config { slack_api: slack.url(), ..config() };
    let mut world = world(config, json!({"slack": {}}), None).await?;
    let (slack_token, slack_channel) = ("xoxb-1-secret".into(), "C0123".into());
    let set = SetEndpointRequest { slack_token, slack_channel, ..Default::default() };
    assert_eq!(world.set_slack(set).await?, "C0123, token …cret");
    for order in 1..=2 {
        assert_eq!(world.told(order).await?.state(), NotificationState::Delivered);
    }
    let (first, second) = (slack.call().await?, slack.call().await?);
    assert_eq!(
        (first.path.as_str(), first.headers["authorization"].as_str()),
        ("/hook/chat.postMessage", "Bearer xoxb-1-secret")
    );
    let bodies: Vec<Json> =
        [first, second].iter().map(|it| serde_json::from_str(&it.body)).collect::<Result<_, _>>()?;
    assert_eq!(bodies.iter().map(|it| &it["thread_ts"]).collect::<Vec<_>>(), [&Json::Null, &json!("1.1")]);
    assert_eq!(bodies[0]["channel"], "C0123");
    let failed = world.told(3).await?;
    assert_eq!((failed.state(), failed.attempts.len()), (NotificationState::Failed, 1));
    assert!(failed.attempts[0].error.starts_with("Slack says channel_not_found"), "{failed:?}");
    world.stop().await
}

fn mailing(server: &MailServer) -> Config {
    let mail = Mail { smtp_url: server.url(), from: "Perennial <cs@example.com>".into() };
    Config { mail: Some(mail), ..config() }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_gets_letters_that_are_one_conversation() -> anyhow::Result<()> {
    let mut server = MailServer::start([]).await?;
    let mut world = world(mailing(&server), json!({"email": {}}), Some("alert")).await?;
    let failed = world.told(1).await?;
    assert_eq!(failed.state(), NotificationState::Failed);
    let how = "ana has no address: perennial team set \"ana\" --email ADDRESS";
    assert_eq!(failed.attempts[0].error, how);
    world.set_ana().await?;
    let told = world.told(2).await?;
    assert_eq!((told.state(), told.attempts[0].status), (NotificationState::Delivered, 250));
    let first = server.letter().await?;
    let id = format!("<{}@perennial.example.com>", told.notification);
    assert_eq!(first.to, "RCPT TO:<ana@example.com>");
    assert_eq!(first.header("Message-ID"), Some(id.as_str()));
    assert_eq!(first.header("Subject"), Some("globex is in danger"));
    assert_eq!(first.header("From"), Some("Perennial <cs@example.com>"));
    assert!(first.header("To").is_some_and(|to| to.contains("Ana Ruiz")), "{}", first.data);
    assert!(first.data.contains("*globex*: Call <them> Ana Ruiz"), "{}", first.data);
    assert!(first.data.contains("<p>*globex*: Call &lt;them&gt; Ana Ruiz</p>"), "{}", first.data);
    world.told(3).await?;
    let second = server.letter().await?;
    assert_eq!(
        (second.header("In-Reply-To"), second.header("References")),
        (Some(id.as_str()), Some(id.as_str()))
    );
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_is_refused_for_good_is_not_sent_again_and_one_put_off_is() -> anyhow::Result<()> {
    let mut server =
        MailServer::start(["550 5.1.1 <ana@example.com>: nobody here", "451 4.3.0 try again later"]).await?;
    let mut world = world(mailing(&server), json!({"email": {}}), None).await?;
    world.set_ana().await?;
    let refused = world.told(1).await?;
    assert_eq!((refused.state(), refused.attempts.len()), (NotificationState::Failed, 1));
    assert_eq!(refused.attempts[0].status, 550);
    assert!(!refused.attempts[0].error.contains("example.com"), "{refused:?}");
    let put_off = world.told(2).await?;
    let statuses: Vec<u32> = put_off.attempts.iter().map(|attempt| attempt.status).collect();
    assert_eq!((put_off.state(), statuses), (NotificationState::Delivered, vec![451, 250]));
    assert!(server.letter().await?.data.contains("To do: Call <them>"));
    world.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_team_is_kept_and_forgotten() -> anyhow::Result<()> {
    let mut world = world(config(), json!({"email": {}}), None).await?;
    world.set_ana().await?;
    let list = ListTeamRequest { workspace: WORKSPACE.into(), ..Default::default() };
    let team = world.client.list_team(list.clone()).await?.into_inner().members;
    assert_eq!((team.len(), team[0].email.as_str()), (1, "ana@example.com"));
    let bad = TeamMember { owner: "bo".into(), email: "nowhere".into(), ..Default::default() };
    let request = PutTeamMemberRequest { workspace: WORKSPACE.into(), member: Some(bad) };
    let refused = world.client.put_team_member(request).await.err().map(|status| status.code());
    assert_eq!(refused, Some(tonic::Code::InvalidArgument));
    let remove = RemoveTeamMemberRequest { workspace: WORKSPACE.into(), owner: "ana".into() };
    world.client.remove_team_member(remove.clone()).await?;
    assert!(world.client.list_team(list).await?.into_inner().members.is_empty());
    let again = world.client.remove_team_member(remove).await.err().map(|status| status.code());
    assert_eq!(again, Some(tonic::Code::NotFound));
    world.stop().await
}
