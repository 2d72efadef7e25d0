//! The operations against the sandbox, which judges what it is sent on its own.

use meetbit_client::sandbox::Sandbox;
use meetbit_client::{
    CalendarId, Call, CancelEvent, Client, ErrorKind, EventId, Events, ListEvents, ListUsers, NewOnlineConference,
    NewOnlineConferenceAttendee, NewUser, OnlineConferenceId, OnlineConferenceUpdate, OnlineConferences, RateLimit,
    TimeOfDay, UserId, UserOrder, UserUpdate, Users, WorkHours, WorkHoursSpan, jiff::civil::time,
};
use meetbit_tests::operations::{new_conference, new_user, user_update};

async fn sandbox() -> (Sandbox, Client) {
    let sandbox = Sandbox::builder().unlimited().start().await.unwrap();
    let builder = Client::builder("example.com").base_url(sandbox.base_url()).credentials(sandbox.credentials());
    let client = builder.rate_limit(RateLimit::unlimited()).build().unwrap();
    (sandbox, client)
}

#[tokio::test]
async fn a_user_that_is_created_is_listed_and_can_be_changed() {
    let (_sandbox, client) = sandbox().await;
    let created = client.create_user(&new_user()).await.unwrap();
    let listed = client.list_users(&ListUsers::new().order_by(UserOrder::Id)).await.unwrap();
    assert_eq!(listed.last(), Some(&created));
    let changed = client.update_user(created.id, &UserUpdate::from(&created).role("Owner")).await.unwrap();
    assert_eq!((changed.id, changed.role.as_deref()), (created.id, Some("Owner")));
    assert_eq!((changed.work_hours, changed.timezone), (created.work_hours, created.timezone));
}

#[tokio::test]
async fn all_users_come_page_by_page() {
    let (sandbox, client) = sandbox().await;
    let mut pages = client.list_users(&ListUsers::new().with_trashed(true)).pages(2);
    let mut ids = Vec::new();
    while let Some(page) = pages.next().await {
        ids.extend(page.unwrap().iter().map(|user| user.id.0));
    }
    assert_eq!(ids, [1, 2, 3]);
    assert_eq!(sandbox.requests().len(), 3);
}

#[tokio::test]
async fn an_event_that_is_cancelled_is_listed_on_request() {
    let (_sandbox, client) = sandbox().await;
    let (from, to) = ("2030-01-01T00:00:00Z".parse().unwrap(), "2030-02-01T00:00:00Z".parse().unwrap());
    let events = client.list_events(CalendarId(1), from, to, &ListEvents::new()).await.unwrap();
    let id = events[0].id;
    let cancelled = client.cancel_event(CalendarId(1), id, &CancelEvent::new("The speaker is ill.")).await.unwrap();
    assert_eq!(cancelled.cancel_note.as_deref(), Some("The speaker is ill."));
    let left = client.list_events(CalendarId(1), from, to, &ListEvents::new()).await.unwrap();
    assert!(left.iter().all(|event| event.id != id) && left.len() == events.len() - 1);
    let all = client.list_events(CalendarId(1), from, to, &ListEvents::new().with_trashed(true)).await.unwrap();
    assert!(all.iter().any(|event| event.id == id && event.deleted_at.is_some()));
    let missing = client.cancel_event(CalendarId(1), EventId(99), &CancelEvent::new("")).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_conference_that_has_ended_cannot_be_changed() {
    let (_sandbox, client) = sandbox().await;
    let created = client.create_online_conference(&new_conference()).await.unwrap();
    let update = OnlineConferenceUpdate::new("Kick-off", true);
    let changed = client.update_online_conference(created.id, &update).await.unwrap();
    assert_eq!((&*changed.title, changed.is_public), ("Kick-off", true));
    let ended = client.update_online_conference(OnlineConferenceId(2), &update).await.unwrap_err();
    assert_eq!(ended.kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn what_is_refused_before_sending_the_server_refuses_in_the_same_words() {
    let (_sandbox, client) = sandbox().await;
    let long = || "ü".repeat(256);
    let bob = NewOnlineConferenceAttendee::new("Bob", "bob");
    let span = |end| WorkHours::new().friday([WorkHoursSpan::new(time(9, 0, 0, 0), end)]);
    let mut late = TimeOfDay::END_OF_DAY;
    late.second = 1;
    let email = format!("{}@{}example", "a".repeat(64), format!("{}.", "x".repeat(62)).repeat(3));
    let id = UserId(1);
    same_words(client.create_user(&NewUser::new())).await;
    same_words(client.create_user(&new_user().activate(false))).await;
    same_words(client.create_user(&new_user().first_name(long()).email("grace"))).await;
    same_words(client.update_user(id, &UserUpdate::new())).await;
    same_words(client.update_user(id, &user_update().last_name(long()))).await;
    same_words(client.update_user(id, &user_update().email(email))).await;
    same_words(client.update_user(id, &user_update().timezone("Europe London"))).await;
    same_words(client.update_user(id, &user_update().work_hours(span(late)))).await;
    same_words(client.cancel_event(CalendarId(1), EventId(1), &CancelEvent::new(long()))).await;
    same_words(client.create_online_conference(&NewOnlineConference::new())).await;
    same_words(client.create_online_conference(&new_conference().title(long()))).await;
    let six = new_conference().online_conference_attendees(vec![bob; 6]);
    same_words(client.create_online_conference(&six)).await;
    let update = OnlineConferenceUpdate::new(long(), true);
    same_words(client.update_online_conference(OnlineConferenceId(1), &update)).await;
}

async fn same_words<T>(call: Call<T>) {
    let endpoint = call.endpoint().unwrap();
    let ours = call.request().unwrap_err();
    let theirs = call.unchecked().send().await.err().unwrap();
    assert_eq!(theirs.status().unwrap(), 400, "{endpoint}");
    assert_eq!(theirs.validation().unwrap().fields(), ours.validation().unwrap().fields(), "{endpoint}");
}
