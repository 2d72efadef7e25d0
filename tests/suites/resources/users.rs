use meetbit_client::{
    DepartmentId, ErrorKind, ListUsers, NewUser, TimeOfDay, User, UserAttribute, UserId, UserOrder, UserStatus,
    UserUpdate, Users, WorkHours, WorkHoursSpan, ZoneName, jiff::civil::time,
};
use meetbit_tests::operations::{new_user, user_query, user_update};
use serde_json::{Value, json};

use crate::client::{answered, refused, wire};

#[test]
fn a_list_of_users_says_what_it_is_told() {
    let client = answered(&Value::Null);
    let (line, body) = wire(&client.list_users(&user_query()));
    assert_eq!(
        line,
        "GET /api/public/v2.0/users?page_size=15&page_number=2&with_trashed=true&order_by=last_name&order_direction=asc\
         &attribute=department_id&operator=%3D&value=1"
    );
    assert_eq!(body, Value::Null);
    assert_eq!(wire(&client.list_users(&ListUsers::new())).0, "GET /api/public/v2.0/users");
}

#[test]
fn what_the_query_does_not_know_can_still_be_said() {
    let call =
        answered(&Value::Null).list_users(&ListUsers::new().order_by(UserOrder::Id)).query("include", "calendars");
    assert_eq!(wire(&call).0, "GET /api/public/v2.0/users?order_by=id&include=calendars");
}

#[test]
fn a_filter_uses_the_words_of_the_document() {
    let call = answered(&Value::Null).list_users(&ListUsers::new().attribute(UserAttribute::Department).operator("!="));
    assert_eq!(wire(&call).0, "GET /api/public/v2.0/users?attribute=department&operator=%21%3D");
}

#[test]
fn a_new_user_is_sent_whole() {
    let (line, body) = wire(&answered(&Value::Null).create_user(&new_user()));
    assert_eq!(line, "POST /api/public/v2.0/users");
    let span = |start: [i64; 3], end: [i64; 3]| {
        let time = |[hour, minute, second]: [i64; 3]| json!({"hour": hour, "minute": minute, "second": second});
        json!({"start": time(start), "end": time(end)})
    };
    let day = span([9, 0, 0], [17, 30, 0]);
    assert_eq!(
        body,
        json!({
            "department_id": 1,
            "first_name": "Grace",
            "last_name": "Hopper",
            "email": "grace@example.com",
            "timezone": "America/New_York",
            "work_hours": {
                "sunday": [], "monday": [day], "tuesday": [day], "wednesday": [day], "thursday": [day],
                "friday": [day, span([20, 0, 0], [24, 0, 0])], "saturday": [],
            },
            "role": "Agent",
            "activate": true,
            "is_silent": true,
        })
    );
}

#[test]
fn what_a_new_user_does_not_say_is_left_out() {
    let mut user = new_user();
    (user.activate, user.is_silent) = (None, None);
    let (_, body) = wire(&answered(&Value::Null).create_user(&user));
    assert!(body.get("activate").is_none() && body.get("is_silent").is_none(), "{body}");
}

#[test]
fn a_silent_user_must_be_activated() {
    let client = answered(&Value::Null);
    let text = ["The activate field must be accepted when is_silent is true."];
    assert_eq!(refused(&client.create_user(&new_user().activate(false)), "activate"), text);
    let mut user = new_user();
    user.activate = None;
    assert_eq!(refused(&client.create_user(&user), "activate"), text);
    assert!(client.create_user(&user).unchecked().request().is_ok());
    assert!(client.create_user(&user.is_silent(false)).request().is_ok());
}

#[test]
fn every_required_field_that_is_missing_is_named() {
    let client = answered(&Value::Null);
    let fields = ["department_id", "email", "first_name", "last_name", "role", "timezone", "work_hours"];
    for error in [
        client.create_user(&NewUser::new()).request().unwrap_err(),
        client.update_user(UserId(1), &UserUpdate::new()).request().unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Validation);
        let validation = error.validation().unwrap();
        assert_eq!(validation.fields().keys().collect::<Vec<_>>(), fields);
        for field in fields {
            assert_eq!(validation.get(field).unwrap(), [format!("The {field} field is required.")]);
        }
        assert_eq!(validation.message(), "The department_id field is required. (and 6 more errors)");
    }
}

#[test]
fn what_cannot_be_valid_is_refused_in_the_words_of_the_server() {
    let client = answered(&Value::Null);
    let refused = |user: UserUpdate, field: &str| refused(&client.update_user(UserId(1), &user), field);
    let long = "ü".repeat(256);
    let too_long = |field: &str| vec![format!("The {field} field must not be greater than 255 characters.")];
    assert_eq!(refused(user_update().first_name(&*long), "first_name"), too_long("first_name"));
    assert_eq!(refused(user_update().last_name(&*long), "last_name"), too_long("last_name"));
    assert_eq!(refused(user_update().email("grace"), "email"), ["The email field must be a valid email address."]);
    assert_eq!(refused(user_update().email(format!("{long}@example.com")), "email"), too_long("email"));
}

#[test]
fn a_zone_that_cannot_be_one_is_refused() {
    let client = answered(&Value::Null);
    for zone in ["", "Europe/Londinium", "+01:00", "Europe London"] {
        let call = client.update_user(UserId(1), &user_update().timezone(zone));
        assert_eq!(refused(&call, "timezone"), ["The timezone field must be a valid timezone."], "{zone}");
    }
    for zone in ["UTC", "Europe/Kyiv", "America/Argentina/Buenos_Aires", "Etc/GMT+5"] {
        assert!(client.update_user(UserId(1), &user_update().timezone(zone)).request().is_ok(), "{zone}");
    }
}

#[test]
fn a_time_outside_the_day_is_refused() {
    let client = answered(&Value::Null);
    let at = |hour, minute, second| {
        let mut end = TimeOfDay::END_OF_DAY;
        (end.hour, end.minute, end.second) = (hour, minute, second);
        let span = WorkHoursSpan::new(time(0, 0, 0, 0), end);
        client.update_user(UserId(1), &user_update().work_hours(WorkHours::new().monday([span])))
    };
    for (hour, minute, second) in [(24, 0, 0), (0, 1440, 0), (23, 59, 60), (0, 0, 0)] {
        assert!(at(hour, minute, second).request().is_ok(), "{hour}:{minute}:{second}");
    }
    for (hour, minute, second) in [(24, 0, 1), (25, 0, 0), (-1, 0, 0), (1, -1, 0), (i64::MAX, i64::MAX, i64::MAX)] {
        let text = ["The work_hours.monday.0.end field must be between 0 and 24 hours."];
        assert_eq!(refused(&at(hour, minute, second), "work_hours.monday.0.end"), text, "{hour}:{minute}:{second}");
    }
}

#[tokio::test]
async fn an_update_starts_from_the_user_as_it_is() {
    let sent = wire(&answered(&Value::Null).update_user(UserId(7), &user_update())).1;
    let mut user = sent.clone();
    user["id"] = json!(7);
    let user = answered(&user).update_user(UserId(7), &user_update()).await.unwrap();
    let (line, body) = wire(&answered(&Value::Null).update_user(user.id, &UserUpdate::from(&user)));
    assert_eq!(line, "PATCH /api/public/v2.0/users/7");
    assert_eq!(body, sent);
}

#[tokio::test]
async fn a_user_survives_what_is_not_documented() {
    let user = json!({
        "id": 1,
        "department_id": null,
        "status": 77,
        "timezone": "Mars/Olympus_Mons",
        "work_hours": {"monday": null, "friday": [{"start": {"hour": 25, "minute": 61, "second": -1}, "end": {"hour": 24, "minute": 0, "second": 0}}]},
        "role": "Agent",
        "created_at": "2030-01-01T00:00:00.000000Z",
        "nickname": "Amazing Grace",
    });
    let user: User = answered(&json!([user])).list_users(&ListUsers::new()).await.unwrap().remove(0);
    assert_eq!(user.department_id, None::<DepartmentId>);
    assert_eq!(user.status, Some(UserStatus(77)));
    let zone = user.timezone.unwrap();
    assert_eq!(zone, ZoneName::from("Mars/Olympus_Mons"));
    assert!(zone.time_zone().is_none());
    let hours = user.work_hours.unwrap();
    assert!(hours.monday.is_empty() && hours.sunday.is_empty());
    assert_eq!((hours.friday[0].start.time(), hours.friday[0].end), (None, TimeOfDay::END_OF_DAY));
}

#[test]
fn a_zone_that_is_known_can_be_reckoned_with() {
    let zone = ZoneName::from("America/New_York").time_zone().unwrap();
    let noon = "2030-01-01T17:00:00Z".parse::<jiff::Timestamp>().unwrap().to_zoned_datetime(zone);
    assert_eq!(noon.time(), time(12, 0, 0, 0));
}
