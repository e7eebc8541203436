//! Every bound of the program, with its reason. Nothing waits or grows without one of these.

use std::time::Duration;

/// Longest report of a radiologist, in bytes: some hundred pages.
pub const REPORT_TEXT_BYTES_MAX: u64 = 512 * 1024;
/// Longest sentence of it that is read as one.
pub const SENTENCE_BYTES_MAX: usize = 2048;
/// Largest HL7 v2 message that is read, in bytes: a report with an embedded document of some dozen pages, which is
/// skipped.
pub const HL7_MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Largest answer to a message of ours, in bytes. Real ones are below 1 KiB.
pub const HL7_ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Longest first segment of a message, in bytes. Real ones are below 1 KiB.
pub const HL7_HEADER_BYTES_MAX: usize = 8 * 1024;
/// Longest message control ID of others, in bytes: version 2.7 has 199 characters.
pub const HL7_CONTROL_ID_BYTES_MAX: usize = 1024;
/// Most segments of a message: a report with a segment for each line.
pub const HL7_SEGMENTS_MAX: usize = 16 * 1024;
/// Most separators in one segment: a report with a repetition for each line. Each costs some 700 bytes while the
/// segment is looked at.
pub const HL7_SEPARATORS_MAX: usize = 16 * 1024;
/// Most bytes between two MLLP blocks that are skipped: line breaks, a greeting.
pub const MLLP_SKIPPED_BYTES_MAX: usize = 1024;
/// Answers to other messages that are passed over while that to ours is awaited.
pub const HL7_OTHER_ANSWERS_MAX: usize = 16;
/// Characters of the text in an acknowledgement of ours (MSA-3, HL7 v2.5.1 section 2.15.8.3).
pub const HL7_ACK_TEXT_CHARACTERS_MAX: usize = 80;
/// Most connections to one HL7 listener at once, whatever the configuration says. An interface engine has one or two.
pub const HL7_CONNECTIONS_MAX: usize = 8;
/// Time from the first byte of an HL7 message to its last.
pub const HL7_MESSAGE_TIME: Duration = Duration::from_secs(60);
/// Time until a message that was received is taken, or its sender is told to try again.
pub const HL7_HANDLE: Duration = Duration::from_secs(60);
/// Time to write an acknowledgement.
pub const HL7_ACK_WRITE: Duration = Duration::from_secs(10);
/// Most identifiers of one kind that are taken from a message.
pub const HL7_IDENTIFIERS_MAX: usize = 16;

/// Largest image side accepted, in voxels. CT is 512 or 1024; reformats reach 2048.
pub const IMAGE_SIDE_MAX: usize = 2048;
/// Most instances in one series.
pub const SERIES_INSTANCES_MAX: usize = 4096;
/// Most bytes of pixels that are decoded before their series is screened: a thousand slices of 512 x 512.
pub const DECODED_AHEAD_BYTES_MAX: usize = 512 * 1024 * 1024;
/// How long such pixels wait to be used.
pub const DECODED_AHEAD_KEEP: Duration = Duration::from_secs(600);
/// Fewest slices that can be a volume.
pub const SERIES_SLICES_MIN: usize = 8;
/// Most voxels of one source volume: 1.2 GiB in 16 bit, what the 8 GB board can hold beside the rest.
pub const VOLUME_VOXELS_MAX: usize = 640 * 1024 * 1024;
/// Most voxels of the localizer's grid: two metres of the widest bore. A larger field of view is refused.
pub const LOCALIZER_VOXELS_MAX: usize = 16 * 1024 * 1024;
/// Most voxels that a network computes at once where it can be cut: its tensors take some 32 bytes a voxel in
/// 8 bits.
pub const TILE_VOXELS_MAX: usize = 16 * 1024 * 1024;

/// Largest instance accepted over DICOM, in bytes (a large enhanced CT).
pub const INSTANCE_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Largest DIMSE command set, in bytes. Real ones are below 1 KiB.
pub const COMMAND_BYTES_MAX: usize = 64 * 1024;
/// Largest PDU accepted, in bytes.
pub const PDU_BYTES_MAX: u32 = 128 * 1024;
/// Most associations at once, whatever the configuration says.
pub const ASSOCIATIONS_MAX: usize = 64;
/// Time from the TCP connection to a complete A-ASSOCIATE-RQ, TLS handshake included (the ARTIM timer of PS3.8 9.1.5).
pub const ARTIM: Duration = Duration::from_secs(30);
/// Largest file of certificates, keys or revocation lists, in bytes: some hundred certificates.
pub const TLS_FILE_BYTES_MAX: u64 = 1024 * 1024;
/// A certificate that ends within this time is named at every start.
pub const CERTIFICATE_EXPIRES_SOON: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Messages waiting for the database thread.
pub const DB_QUEUE_MAX: usize = 1024;
/// Time a statement waits for SQLite's lock.
pub const DB_BUSY: Duration = Duration::from_secs(10);
/// Arrivals waiting for the series assembler.
pub const ARRIVALS_QUEUE_MAX: usize = 4096;

/// Attempts at one job before its series is not assessable.
pub const JOB_ATTEMPTS_MAX: u32 = 2;
/// Shortest wait before a delivery is tried again.
pub const RETRY_WAIT_MIN: Duration = Duration::from_secs(1);
/// Longest wait before a delivery is tried again.
pub const RETRY_WAIT_MAX: Duration = Duration::from_secs(15 * 60);
/// Time for one delivery attempt.
pub const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of a destination's answer that are kept as the receipt.
pub const RECEIPT_BYTES_MAX: usize = 4096;
/// Bytes of a file with a password, a token or signing secrets.
pub const SECRET_FILE_BYTES_MAX: u64 = 16 * 1024;
/// Secrets that a webhook is signed with at once: the old one and the new one, and twice that.
pub const SIGNING_SECRETS_MAX: usize = 4;
/// Largest answer to a FHIR transaction that is read: some dozen entries with what became of each.
pub const FHIR_ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Issues of a FHIR server's refusal that are kept.
pub const FHIR_ISSUES_MAX: usize = 8;
/// Most recipients of one e-mail.
pub const MAIL_RECIPIENTS_MAX: usize = 32;
/// Bytes of a mail server's reply that are kept.
pub const MAIL_REPLY_BYTES_MAX: usize = 512;

/// Time the daemon takes to finish what it is doing after SIGTERM.
pub const DRAIN: Duration = Duration::from_secs(20);

/// Candidates reported a gland, largest first.
pub const CANDIDATES_MAX: usize = 16;

/// TCP connections that have not asked for an association yet. One more pushes out the oldest, so
/// silent peers never lock newcomers out.
pub const CONNECTIONS_PENDING_MAX: usize = 128;
/// Shortest wait after `accept` failed (say, no file descriptor left).
pub const ACCEPT_WAIT_MIN: Duration = Duration::from_millis(10);
/// Longest wait after `accept` failed.
pub const ACCEPT_WAIT_MAX: Duration = Duration::from_secs(1);
/// Time left to a peer to close the connection after our last PDU, so that it can read that PDU.
pub const LINGER: Duration = Duration::from_secs(1);
/// Time that the recording of an instance may take before its sender is told to try again.
pub const RECORD_STALL: Duration = Duration::from_secs(60);
/// Size of a file made ahead where nothing has arrived yet: 512 x 512 pixels and a header.
pub const PREPARED_BYTES: u64 = 516 * 1024;
/// Largest size of a file made ahead: 1024 x 1024 pixels. A larger instance goes on behind its end.
pub const PREPARED_BYTES_MAX: u64 = 2 * 1024 * 1024 + 64 * 1024;
/// Files made ahead before their folder is synced.
pub const PREPARED_AT_ONCE: usize = 32;
/// Most files made ahead, whatever the configuration says: 2 GiB for slices of 512 x 512.
pub const PREPARED_MAX: usize = 4096;
/// Free bytes of the disk below which no file is made ahead.
pub const PREPARED_FREE_BYTES_MIN: u64 = 2 * 1024 * 1024 * 1024;
/// Time spent on making files ahead before the ports are opened; the rest are made later.
pub const PREPARE_AT_START: Duration = Duration::from_secs(1);
/// Nothing may have arrived for so long when files are made ahead, and so long it is done at a time.
pub const PREPARE_WHEN_QUIET: Duration = Duration::from_millis(500);
/// Wait after no file could be made ahead, for want of room.
pub const PREPARE_AGAIN: Duration = Duration::from_secs(60);
/// Data elements looked at in search of an instance's UIDs. A CT header has about 150 of them.
pub const HEADER_ELEMENTS_MAX: usize = 65_536;
/// Series folders remembered as durable; forgetting one costs one more sync.
pub const DURABLE_FOLDERS_MAX: usize = 1024;
/// Series named in the event at an association's end.
pub const ASSOCIATION_SERIES_MAX: usize = 64;
/// Series that may be arriving at once; one more makes the oldest stable early.
pub const SERIES_OPEN_MAX: usize = 256;
/// Events of the store service waiting for their reader.
pub const SCP_EVENTS_MAX: usize = 1024;
/// Time a peer may take to answer one message that we sent.
pub const PEER_ANSWER: Duration = Duration::from_secs(60);
/// Most answers to one query that are kept; at one more it is cancelled. A day of a large CT department
/// has some hundred.
pub const FIND_ANSWERS_MAX: usize = 2000;
/// Most bytes of all answers to one query.
pub const FIND_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Answers that a peer may still send once a query was cancelled, before it is left.
pub const FIND_DROPPED_MAX: usize = 8000;
/// Longest time from a query to its final status: a peer that never ends and never is silent is left.
pub const FIND_TIME_MAX: Duration = Duration::from_secs(120);
/// Most AE titles of scanners that the worklist is asked for, each with a query of its own.
pub const WORKLIST_STATIONS_MAX: usize = 16;
/// Shortest time between two questions to the worklist, however many studies arrive.
pub const WORKLIST_WAIT_MIN: Duration = Duration::from_secs(5);
/// Studies that wait for a look at the worklist, or had theirs; the next scheduled query serves the others.
pub const WORKLIST_ARRIVALS_MAX: usize = 64;
/// How far a study's time may be from its scheduled one where nothing but the patient says that they
/// belong together: delays within a day.
pub const SCHEDULE_DISTANCE_MAX: Duration = Duration::from_secs(12 * 60 * 60);
/// How long an entry is kept that the worklist no longer has: most leave it once the examination begins.
/// The match of a study is kept as long.
pub const ORDERS_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Most entries kept; those seen longest ago go first.
pub const ORDERS_MAX: usize = 10_000;
/// Most entries looked at for one series. More than one order is none.
pub const ORDER_CANDIDATES_MAX: usize = 256;

/// Most STOW-RS requests at once, whatever the configuration says.
pub const STOW_REQUESTS_MAX: usize = 32;
/// Most bytes of a STOW-RS request's line and headers, and of its body that are read at once.
pub const STOW_HEAD_BYTES_MAX: usize = 64 * 1024;
/// Most bytes of one STOW-RS request: some studies of the largest series.
pub const STOW_REQUEST_BYTES_MAX: u64 = 32 * 1024 * 1024 * 1024;
/// Most parts of one STOW-RS request: two of the largest series.
pub const STOW_PARTS_MAX: usize = 2 * SERIES_INSTANCES_MAX;
/// Most bytes of a STOW-RS request that wait in memory: a piece that was read, or the headers of a part.
pub const STOW_HELD_BYTES_MAX: usize = 512 * 1024;
/// So many bytes of a STOW-RS request come within the idle time-out, or it ends.
pub const STOW_PACE_BYTES: usize = 64 * 1024;
/// Characters of a multipart boundary (RFC 2046 5.1.1).
pub const BOUNDARY_CHARACTERS_MAX: usize = 70;
/// Most bytes before an instance's data set: preamble and file meta information, which have some 400.
pub const FILE_META_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a bearer token.
pub const BEARER_TOKEN_BYTES_MAX: usize = 4096;
/// Time after which a sender is asked to come back.
pub const RETRY_AFTER: Duration = Duration::from_secs(10);

/// Time that instances are gathered before their rows are written: what a scanner sends in it shares one
/// transaction.
pub const RECORD_GATHER: Duration = Duration::from_millis(50);
/// Received instances whose rows are not written yet; at as many senders wait.
pub const RECORD_QUEUE_MAX: usize = 1024;
/// Longest wait before rows that could not be written are tried again.
pub const RECORD_RETRY_MAX: Duration = Duration::from_secs(10);
/// Operations that share one transaction: more would make the first wait for the last.
pub const DB_BATCH_MAX: usize = 256;
/// Bytes the write-ahead log keeps on disk after a checkpoint.
pub const DB_WAL_BYTES_MAX: i64 = 64 * 1024 * 1024;
/// Damaged database files that are kept for a person to look at; the next one is refused.
pub const DB_SET_ASIDE_MAX: u32 = 100;
/// Bytes of an error's text that are kept in a row.
pub const ERROR_TEXT_BYTES_MAX: usize = 1024;
/// Bytes of a destination's name.
pub const DESTINATION_NAME_BYTES_MAX: usize = 64;
/// Most destinations in a configuration.
pub const DESTINATIONS_MAX: usize = 32;
/// Longest time that an alert is held back for an escalation.
pub const ESCALATION_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Most alerts a day that a budget can allow.
pub const ALERTS_PER_DAY_MAX: u32 = 1000;
/// Most alerts that one digest lists.
pub const DIGEST_ALERTS_MAX: usize = 200;
/// Most alerts that are listed for a person.
pub const ALERTS_READ_MAX: usize = 1000;
/// Most studies with a report that are compared with their answers for a person.
pub const REVIEWS_READ_MAX: usize = 5000;
/// Most audit events that are listed for a person.
pub const AUDIT_EVENTS_READ_MAX: usize = 100_000;
/// Connections to the console at once: a browser has six, and a page that is told of changes holds one of them.
pub const CONSOLE_CONNECTIONS_MAX: usize = 96;
/// Time from a connection to a TLS session.
pub const CONSOLE_HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// Time from a connection, or the answer before, to a complete request head.
pub const CONSOLE_HEAD_TIME: Duration = Duration::from_secs(15);
/// Time until a request is answered.
pub const CONSOLE_REQUEST_TIME: Duration = Duration::from_secs(30);
/// Bytes of a form.
pub const CONSOLE_BODY_BYTES_MAX: usize = 16 * 1024;
/// Accounts of the console: a department and its shifts.
pub const USERS_MAX: usize = 200;
/// Wrong passwords one after the other that lock a name.
pub const LOGIN_FAILURES_MAX: u32 = 10;
/// How long a name is locked. Longer would let anyone keep a technologist out.
pub const LOCK_OUT: Duration = Duration::from_secs(15 * 60);
/// Log-ins of one machine in a minute.
pub const LOGINS_PER_MINUTE_MAX: u32 = 20;
/// Machines whose log-ins are counted.
pub const LOGIN_MACHINES_MAX: usize = 4096;
/// Passwords that are hashed at once: each takes 19 MiB and a core.
pub const PASSWORDS_HASHED_MAX: usize = 2;
/// Fewest characters of a password. Long ones that people remember beat short ones with signs (NIST SP 800-63B).
pub const PASSWORD_CHARACTERS_MIN: usize = 12;
/// Most bytes of a password.
pub const PASSWORD_BYTES_MAX: usize = 256;
/// Bytes of a user's name.
pub const USER_NAME_BYTES_MAX: usize = 32;
/// Sessions at once; one more ends the one that was silent longest.
pub const SESSIONS_MAX: usize = 64;
/// A session ends after so long without a request.
pub const SESSION_IDLE: Duration = Duration::from_secs(30 * 60);
/// A session ends after so long in any case: a shift.
pub const SESSION_MAX: Duration = Duration::from_secs(12 * 60 * 60);
/// Wrong set-up codes before another one is made.
pub const SETUP_FAILURES_MAX: u32 = 5;
/// Pages that are told of changes at once.
pub const EVENT_STREAMS_MAX: usize = 32;
/// Shortest time between two of these events.
pub const EVENTS_WAIT_MIN: Duration = Duration::from_millis(500);
/// Longest time between them: proxies drop what is silent.
pub const EVENTS_SILENCE_MAX: Duration = Duration::from_secs(15);
/// Most series on the page of a day.
pub const HISTORY_SERIES_MAX: usize = 500;
/// Most deliveries on one page.
pub const DELIVERIES_READ_MAX: usize = 500;
/// Most audit events on one page.
pub const AUDIT_PAGE_MAX: usize = 500;
/// Series whose images are open in the viewer: headers and outlines of some 300 slices, 1 MiB each.
pub const VIEWER_SERIES_MAX: usize = 4;
/// Slices that are decoded for viewers at once; inference has the cores.
pub const VIEWER_DECODES_MAX: usize = 2;
/// Most patients whose names are remembered for the list of series.
pub const PATIENTS_REMEMBERED_MAX: usize = 1000;
/// Bytes of a person's name or of a role.
pub const PERSON_BYTES_MAX: usize = 128;
/// Bytes of a person's note.
pub const NOTE_BYTES_MAX: usize = 2000;

const _: () = assert!(DB_BATCH_MAX <= DB_QUEUE_MAX);
/// Largest model file or manifest, in bytes. Ours are below 1 MiB.
pub const MODEL_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Most threads that compute, whatever the configuration says.
pub const COMPUTE_THREADS_MAX: usize = 256;
/// Threads that receive, send and serve: they wait most of the time, and leave the cores to those that
/// compute.
pub const RUNTIME_THREADS: usize = 2;
/// Plans kept a network, one for each input shape, with tensors of some 32 bytes a voxel for each thread that
/// asks.
pub const MODEL_PLANS_MAX: usize = 2;
/// Sets of buffers that a plan keeps for its next inputs: both glands are segmented side by side.
pub const MODEL_SCRATCH_MAX: usize = 2;
/// Deepest nesting of sequences in a header. An enhanced CT needs 4; a parser recurses on each.
pub const SEQUENCE_DEPTH_MAX: usize = 32;
/// Most bytes of the header elements that are kept: an enhanced CT of 4096 frames needs 8 MiB.
pub const HEADER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most bytes of the data set of a message that is no image: storage commitment, procedure step.
pub const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most instances that one storage commitment or procedure step may name: four large series.
pub const LIST_INSTANCES_MAX: usize = 16 * 1024;
/// Lists of senders that are remembered; the oldest are forgotten. A scanner makes some dozens a day, unless it
/// asks for a commitment of each image.
pub const SENDER_LISTS_MAX: usize = 4096;
/// Instances in all of them together: some 100 MB of rows.
pub const LISTED_INSTANCES_MAX: usize = 256 * 1024;
const _: () = assert!(LIST_INSTANCES_MAX <= LISTED_INSTANCES_MAX);
/// Reports on storage commitment that a peer has not answered within one association.
pub const REPORTS_UNHEARD_MAX: usize = 4;
/// Reports that wait to be sent over an association of our own.
pub const REPORTS_QUEUE_MAX: usize = 16;
/// Attempts at one of them, over some minutes; the peer asks again for what it does not hear of.
pub const REPORT_ATTEMPTS_MAX: u32 = 6;
/// Time that a PACS may take to report on storage commitment over the association that asked.
pub const COMMITMENT_REPORT: Duration = Duration::from_secs(5);
/// Shortest wait before a delivery is looked at again whose PACS has not reported on storage commitment.
pub const COMMITMENT_AGAIN: Duration = Duration::from_secs(60);
/// How long a report on a storage commitment that was asked for is believed.
pub const COMMITMENT_KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// Commitments that were asked for and are remembered, some 2 KiB each; the oldest are forgotten.
pub const COMMITMENTS_MAX: usize = 1024;
/// Messages on the association that asked which are no report on what was asked, before it is left.
pub const COMMITMENT_OTHERS_MAX: usize = 64;
/// Most peers whose addresses are known.
pub const PEERS_MAX: usize = 64;
/// Bytes of a deflated data set in which its UIDs must be.
pub const INFLATED_FRONT_BYTES_MAX: u64 = 1024 * 1024;
/// Largest deflated data set, inflated: a large CT image, or some hundred frames.
pub const INFLATED_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// Most fragments of compressed pixel data: some for each frame.
pub const FRAGMENTS_MAX: usize = 64 * 1024;
/// Deepest folder below a path that is searched for instances.
pub const SCAN_DEPTH_MAX: usize = 16;
/// Most files looked at in one search for instances.
pub const SCAN_FILES_MAX: usize = 200_000;
/// Most segments, or structures of a structure set, read from one file; each is a mask of the whole
/// grid.
pub const SEGMENTS_MAX: usize = 16;
/// Most bytes of a structure set's names and contours. Sixty structures of a whole body have 40 MiB.
pub const STRUCTURE_SET_BYTES_MAX: usize = 128 * 1024 * 1024;
/// Most contours of one structure: several in each slice of the longest series.
pub const CONTOURS_MAX: usize = 16 * 1024;
/// Most points of all contours of one structure.
pub const CONTOUR_POINTS_MAX: usize = 4 * 1024 * 1024;
/// Most bytes of a NIfTI file before its voxels: header and extensions.
pub const NIFTI_HEADER_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Most bytes of a cohort's table: a hundred thousand cases with long paths.
pub const COHORT_TABLE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Most series in one export: some years of a large CT department.
pub const EXPORT_CASES_MAX: usize = 100_000;
/// Most days by which an export shifts the dates of a patient: ten years.
pub const EXPORT_SHIFT_DAYS_MAX: u16 = 3650;
/// Bytes of the secret that an export's pseudonyms and UIDs are made with.
pub const EXPORT_KEY_BYTES: usize = 32;

/// Shortest time between two pictures: at most four a second, what a person can follow.
pub const REDRAW_WAIT_MIN: Duration = Duration::from_millis(250);
/// Longest time until the view is thought over again, for texts such as "5 min ago".
pub const VIEW_AGE_MAX: Duration = Duration::from_secs(15);
/// Longest time until a view that counts is thought over again.
pub const COUNTING_VIEW_AGE_MAX: Duration = Duration::from_secs(2);
/// Graphics cards that are looked at.
pub const DRM_CARDS_MAX: u8 = 8;
/// How long the picture stays in one place before it moves, so that no panel burns in.
pub const BURN_IN_STEP: Duration = Duration::from_secs(5 * 60);
/// How far it moves from its middle, in parts of the shorter side: less than its margin, so that nothing is cut.
pub const BURN_IN_SHARE: u32 = 120;
/// Analyses whose times say how long the next will take.
pub const PACE_RUNS_MAX: usize = 8;
/// How long a flagged result stays up while nothing else happens.
pub const FLAGGED_SHOWN: Duration = Duration::from_secs(60 * 60);
/// How long any other result stays up while nothing else happens.
pub const RESULT_SHOWN: Duration = Duration::from_secs(10 * 60);
/// How long it stays up beside an alert that nobody has acknowledged.
pub const RESULT_SHOWN_BESIDE_ALERT: Duration = Duration::from_secs(60);
/// Smallest picture, upright the other way round: below 320x240 the words are no longer readable from two metres.
pub const PICTURE_WIDTH_MIN: u32 = 320;
/// See [`PICTURE_WIDTH_MIN`].
pub const PICTURE_HEIGHT_MIN: u32 = 240;
/// Largest picture side: bounds the memory of drawing, sub-samples included, to 200 MB.
pub const PICTURE_SIDE_MAX: u32 = 2048;

/// Whether a picture of so many pixels can be drawn and read, upright or not.
#[must_use]
pub fn is_picture(width: u32, height: u32) -> bool {
    let (short, long) = (width.min(height), width.max(height));
    short >= PICTURE_HEIGHT_MIN && (PICTURE_WIDTH_MIN..=PICTURE_SIDE_MAX).contains(&long)
}

/// Side of the picture of a mass that is kept in memory: as large as the largest panel shows it.
pub const KEY_SLICE_PX: u32 = 240;

/// Longest silence of a task that promises [`TASK_BEAT`], among them those that accept connections with images, before the
/// watchdog stops being fed.
pub const HEARTBEAT_RECEIVE: Duration = Duration::from_secs(30);
/// Longest silence of the worker: the longest job on the slowest board, twice.
pub const HEARTBEAT_WORKER: Duration = Duration::from_secs(30 * 60);
/// Longest silence of the outbox: an attempt that times out, behind name servers that are silent, and a busy database.
pub const HEARTBEAT_OUTBOX: Duration = Duration::from_secs(4 * 60);
/// Most bytes of a board file, of a device-tree property or of a DMI field.
pub const BOARD_FACT_BYTES_MAX: u64 = 64 * 1024;
/// Most lamps and buzzers of a board.
pub const OUTPUTS_MAX: usize = 16;
/// Bytes of a lamp's name, of a GPIO chip's label and of a line's name.
pub const WIRE_NAME_BYTES_MAX: usize = 64;
/// Most GPIO chips that are looked at in search of a label. A Jetson has two, a Pi with expanders some six.
pub const GPIO_CHIPS_MAX: usize = 64;
/// Time that a button must rest at a level before the level counts: contacts bounce for 1 to 10 ms.
pub const BUTTON_DEBOUNCE: Duration = Duration::from_millis(30);
/// How often a button is read whose chip tells nothing by itself.
pub const BUTTON_POLL: Duration = Duration::from_millis(10);
/// Longest time that a button is waited for before its level is read all the same.
pub const BUTTON_WAIT: Duration = Duration::from_secs(1);
/// Levels of the button that nobody has looked at yet.
pub const BUTTON_LEVELS_MAX: usize = 16;
/// A button held for so long asks for the lamp test.
pub const BUTTON_LONG: Duration = Duration::from_secs(3);
/// A button held for so long is stuck.
pub const BUTTON_STUCK: Duration = Duration::from_secs(30);
/// How long all outputs are on in a lamp test.
pub const LAMP_TEST: Duration = Duration::from_secs(3);
/// How long a lamp must have said that an alert is open before a press of the button can mean that alert.
pub const ALERT_SHOWN_MIN: Duration = Duration::from_secs(1);
/// How long each lamp is on when a person checks the board.
pub const EXERCISE_LAMP: Duration = Duration::from_secs(1);
/// How long the button has then to be pressed.
pub const EXERCISE_BUTTON_WAIT: Duration = Duration::from_secs(15);
/// Least memory of a board that does not say how much it has, in MiB: a board of 1 GiB less what its firmware keeps.
pub const MEMORY_MB_MIN: u64 = 800;
/// Wait before a GPIO chip or line that could not be used is tried again.
pub const PANEL_RETRY: Duration = Duration::from_secs(30);
/// Longest time between two looks at what the lamps should say.
pub const PANEL_LOOK: Duration = Duration::from_secs(5);
/// Most thermal zones of a board, and of a machine that are looked at.
pub const THERMAL_ZONES_MAX: usize = 64;
/// How often temperature, disk and clock are looked at.
pub const SURROUNDINGS_CHECK: Duration = Duration::from_secs(5);
/// Free bytes of the data folder's disk below which a person should make room: some ten neck CTs.
pub const DISK_FREE_BYTES_LOW: u64 = 2 * 1024 * 1024 * 1024;
/// Free bytes of that disk below which images are refused until there is room: what answers, messages and the
/// database's log still need.
pub const DISK_FREE_BYTES_STOP: u64 = 512 * 1024 * 1024;
const _: () = assert!(DISK_FREE_BYTES_STOP < DISK_FREE_BYTES_LOW);
const _: () = assert!(PREPARED_FREE_BYTES_MIN >= DISK_FREE_BYTES_STOP);
/// How often retention looks whether the disk has room.
pub const RETENTION_LOOK: Duration = Duration::from_secs(60);
/// How often it looks for what is old.
pub const RETENTION_EVERY: Duration = Duration::from_secs(60 * 60);
/// Series that it removes in one go; the others have their turn at the next look.
pub const RETENTION_SERIES_MAX: usize = 200;
/// Images are kept for so long in any case: their sender may still be at it, and people look at new ones.
pub const RETENTION_AGE_MIN: Duration = Duration::from_secs(60 * 60);
/// How far the time of a received file may be from its row's. A file of another time was sent again since.
pub const RECEIVED_TIME_SLACK: Duration = Duration::from_secs(60);
const _: () = assert!(RECEIVED_TIME_SLACK.as_secs() < RETENTION_AGE_MIN.as_secs());
/// Most days that can be set for keeping images or results.
pub const RETENTION_DAYS_MAX: u32 = 36_500;
/// Most backups that can be kept in one folder: a year of nights.
pub const BACKUPS_KEPT_MAX: usize = 366;
/// Most files in one backup: the objects of some decades of results.
pub const BACKUP_FILES_MAX: usize = 1_000_000;
/// Most files of settings in one backup: certificates, secrets, a board.
pub const BACKUP_SETTINGS_MAX: usize = 200;
/// Series without room that are named in one line of the log.
pub const RETENTION_NAMED_MAX: usize = 8;
/// Milliseconds since 1970 UTC before which a clock is wrong: the beginning of 2026.
pub const CLOCK_UNIX_MS_MIN: i64 = 1_767_225_600_000;
/// Most bytes of a file by which programs of the machine tell each other how they are.
pub const STATE_FILE_BYTES_MAX: u64 = 64 * 1024;
/// Characters of a version that is shown.
pub const VERSION_CHARS_MAX: usize = 24;
/// Characters of the reason that an update failed for: what the smallest display can show.
pub const UPDATE_REASON_CHARS_MAX: usize = 80;
/// How long an update that was undone or refused is told of: whoever looks after the box comes by within a week.
pub const UPDATE_TROUBLE_SHOWN: Duration = Duration::from_secs(7 * 24 * 3600);
/// Age at which what the daemon wrote about itself is of a daemon that has ended: six looks.
pub const HEALTH_AGE_MAX: Duration = Duration::from_secs(30);
/// Bytes of the golden case: a small CT.
pub const GOLDEN_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// How long a self-test waits for a daemon that has just started, or whose associations are all taken.
pub const SELF_TEST_WAIT: Duration = Duration::from_secs(20);
/// Between two looks meanwhile.
pub const SELF_TEST_LOOK: Duration = Duration::from_secs(1);
/// Time that the daemon has for each answer to a self-test.
pub const SELF_TEST_ANSWER: Duration = Duration::from_secs(10);
/// How often the worker looks whether it must rest on.
pub const HOT_REST_STEP: Duration = Duration::from_millis(250);
/// Longest rest after a job on a machine that is too hot.
pub const HOT_REST_MAX: Duration = Duration::from_secs(8);

const _: () = assert!(BUTTON_DEBOUNCE.as_millis() < ALERT_SHOWN_MIN.as_millis());
const _: () = assert!(BUTTON_LONG.as_secs() + LAMP_TEST.as_secs() < BUTTON_STUCK.as_secs());
// Who asks whether a system is there is answered: connection, TLS, association, echo, release.
const _: () = assert!(5 * ECHO_TIME.as_secs() < CONSOLE_REQUEST_TIME.as_secs());
const _: () = assert!(2 * SURROUNDINGS_CHECK.as_secs() < HEALTH_AGE_MAX.as_secs());
// A machine that is hot still stops in time.
const _: () = assert!(HOT_REST_MAX.as_secs() < DRAIN.as_secs());
const _: () = assert!(COMMITMENT_REPORT.as_secs() < DELIVERY_TIMEOUT.as_secs());
const _: () = assert!(COMMITMENT_AGAIN.as_secs() < RETRY_WAIT_MAX.as_secs());
const _: () = assert!(HEARTBEAT_OUTBOX.as_secs() >= 4 * DELIVERY_TIMEOUT.as_secs());
const _: () = assert!(COUNTING_VIEW_AGE_MAX.as_millis() <= VIEW_AGE_MAX.as_millis());
const _: () = assert!(REDRAW_WAIT_MIN.as_millis() < VIEW_AGE_MAX.as_millis());
const _: () = assert!(RETRY_WAIT_MIN.as_secs() < RETRY_WAIT_MAX.as_secs());
const _: () = assert!(VOLUME_VOXELS_MAX <= i32::MAX as usize);
// HL7 messages at full load stay below 256 MiB: bytes, text, its lines with room for what grows when it is decoded,
// and one segment taken apart.
const _: () = assert!(
    HL7_CONNECTIONS_MAX * (5 * HL7_MESSAGE_BYTES_MAX + 700 * HL7_SEPARATORS_MAX)
        <= 256 * 1024 * 1024
);
const _: () = assert!(ACCEPT_WAIT_MIN.as_millis() < ACCEPT_WAIT_MAX.as_millis());
// Receiving at full load stays below 32 MiB: a PDU, and what of it is not written yet.
const _: () = assert!(ASSOCIATIONS_MAX * 2 * PDU_BYTES_MAX as usize <= 32 * 1024 * 1024);
// So does STOW-RS: what was read and not handed on, and the piece that is.
const _: () = assert!(
    STOW_REQUESTS_MAX * (STOW_HELD_BYTES_MAX + 2 * STOW_HEAD_BYTES_MAX) <= 32 * 1024 * 1024
);
/// Longest host name, in bytes: what Linux keeps.
pub const HOST_NAME_BYTES_MAX: usize = 64;
/// Longest part of one between two dots, in bytes (RFC 1123).
pub const HOST_NAME_LABEL_BYTES_MAX: usize = 63;
/// Longest name of a network interface, in bytes: what Linux keeps.
pub const INTERFACE_MATCH_BYTES_MAX: usize = 15;
/// Most name servers: what a resolver asks.
pub const NAME_SERVERS_MAX: usize = 3;
/// Most time servers.
pub const TIME_SERVERS_MAX: usize = 8;
/// New connections of one other machine a second that the firewall lets through, all ports together.
pub const FIREWALL_NEW_PER_SECOND: u32 = 50;
/// As many at once before that counts: a scanner that opens one for each image of a series.
pub const FIREWALL_NEW_BURST: u32 = 400;
/// Other machines that the firewall counts connections of.
pub const FIREWALL_PEERS_MAX: u32 = 4096;
/// Echo requests (ping) a second that are answered.
pub const FIREWALL_ECHO_PER_SECOND: u32 = 20;
/// Largest settings file on a stick, in bytes: some hundred destinations.
pub const SETTINGS_BYTES_MAX: u64 = 256 * 1024;
/// Largest file with the code that the display shows, in bytes.
pub const STICK_CODE_BYTES_MAX: u64 = 256;
/// How long such a code is good: a walk to the computer that wrote the stick, and back.
pub const STICK_CODE_LIFE: Duration = Duration::from_secs(60 * 60);
/// Most changes of settings that the answer on a stick lists.
pub const STICK_CHANGES_SHOWN_MAX: usize = 100;
/// Files that a stick brings beside its settings.
pub const STICK_FILES_MAX: usize = 32;
/// Bytes of one of them: a list of revoked certificates is the largest.
pub const STICK_FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Bytes of its name.
pub const STICK_FILE_NAME_BYTES_MAX: usize = 64;
/// Largest file in a support bundle, in bytes: twenty thousand lines of the journal.
pub const SUPPORT_FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Time that a tool of the system's has to say what it knows for a support bundle.
pub const SUPPORT_TOOL_TIME: Duration = Duration::from_secs(20);
/// Bytes of the kernel's tree of routes that are read for our own address.
pub const ROUTES_BYTES_MAX: u64 = 64 * 1024;
/// Time that another system has for each step of the answer whether it is there.
pub const ECHO_TIME: Duration = Duration::from_secs(5);
/// Time the worker sleeps at most before it looks for a job nobody told it of.
pub const WORKER_WAIT: Duration = Duration::from_secs(5);
/// How often an asynchronous task says that it is alive.
pub const TASK_BEAT: Duration = Duration::from_secs(5);
/// How often a status that is watched is read.
pub const STATUS_REFRESH: Duration = Duration::from_secs(1);
/// Time the demo waits for its alert.
pub const DEMO_ALERT_WAIT: Duration = Duration::from_secs(120);
/// Alerts the demo's receiver holds.
pub const DEMO_ALERTS_MAX: usize = 8;

/// Times that patients are drawn anew for an interval: its ends then move by less than a tenth of its
/// width from seed to seed.
pub const BOOTSTRAP_RESAMPLES: usize = 2000;
/// Pairs of samples drawn to learn what a rank test can see.
pub const POWER_SIMULATIONS: usize = 1000;
/// Smaller of two samples up to which the rank test counts all orders (its cost grows with the square).
pub const EXACT_RANK_TEST_MAX: usize = 8;
