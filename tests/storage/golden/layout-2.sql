BEGIN TRANSACTION;
CREATE TABLE due (
        tenant TEXT NOT NULL, record_id TEXT NOT NULL, sort TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL,
        due_at INTEGER, late_from INTEGER, next_at INTEGER, revision TEXT NOT NULL, stamp TEXT NOT NULL,
        version INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (tenant, record_id, sort, name)) WITHOUT ROWID;
CREATE TABLE entry (
        tenant TEXT NOT NULL, record_id TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, op TEXT NOT NULL,
        lifecycle TEXT, event TEXT, from_state TEXT, to_state TEXT, at INTEGER NOT NULL, recorded_at INTEGER NOT NULL,
        by TEXT NOT NULL, judged TEXT NOT NULL, unit TEXT, origin_system TEXT, origin_key TEXT, origin_row TEXT,
        number TEXT, details TEXT NOT NULL, PRIMARY KEY (tenant, record_id, seq)) WITHOUT ROWID;
INSERT INTO "entry" VALUES('','019cad8f-ac00-77a9-a564-12a9b8a1abcd',1,'incident','birth','incident','log',NULL,'new',1772438400000000,1772438400000000,'sam','full','019cad8f-ac00-71a5-8da4-f9fc3c6da5d7',NULL,NULL,NULL,'INC0000001','{"digest":"f0c9ac4bcd3a","changes":{"state":[null,"new"],"summary":[null,"Mail is down"],"requester":[null,"ana"],"owner":[null,"sam"],"impact":[null,"high"],"urgency":[null,"low"],"priority":[null,3],"channel":[null,"phone"],"vessel":[null,"Aurora"],"crew":[null,4],"seen":[null,"2026-03-02T08:00:00.000000+00:00"]},"on_behalf_of":"ana","via":"phone"}');
INSERT INTO "entry" VALUES('','019cad8f-ac00-77a9-a564-12a9b8a1abcd',2,'incident','step','incident','assign','new','assigned',1772442000000000,1772442000000000,'sam','full','019cadc6-9a80-7fd7-8cea-71ff4a14876a',NULL,NULL,NULL,NULL,'{"digest":"f0c9ac4bcd3a","changes":{"assignee":[null,"sam"],"group":[null,"mail"],"state":["new","assigned"]},"roles":["owner","service_desk"],"reason":"she asked","on_behalf_of":"ana","via":"phone"}');
INSERT INTO "entry" VALUES('','019cad8f-ac00-77a9-a564-12a9b8a1abcd',3,'incident','update',NULL,'override',NULL,NULL,1772442000000000,1772442000000000,'sam','full','019cadc6-9a80-7fd7-8cea-71ffcf497bc2',NULL,NULL,NULL,NULL,'{"changes":{"priority":[3,1],"overrides":[{},{"priority":{"by":"sam","at":"2026-03-02T09:00:00.000000+00:00","reason":"the boss"}}]},"reason":"the boss","on_behalf_of":"ana","via":"phone"}');
INSERT INTO "entry" VALUES('','019cad8f-ac00-77a9-a564-12a9b8a1abcd',4,'incident','comment',NULL,NULL,NULL,NULL,1772442000000000,1772442000000000,'sam','full','019cadc6-9a80-7fd7-8cea-720096e6e356',NULL,NULL,NULL,NULL,'{"on_behalf_of":"ana","via":"phone","comment":{"text":"Working on it","audience":"user","attachments":[]},"by_staff":true}');
INSERT INTO "entry" VALUES('','019cad8f-ac00-77a9-a564-12a9b8a1abcd',5,'incident','step','incident','swarm','assigned','assigned',1772442000000000,1772442000000000,'sam','full','019cadc6-9a80-7fd7-8cea-7200d9e6f137',NULL,NULL,NULL,NULL,'{"digest":"f0c9ac4bcd3a","changes":{"participants":{"+":["ida","tom"]}},"roles":["assignee","owner","service_desk"],"on_behalf_of":"ana","via":"phone"}');
INSERT INTO "entry" VALUES('','019cad8f-ac00-77a9-a564-12a9b8a1abcd',6,'incident','link',NULL,NULL,NULL,NULL,1772442000000000,1772442000000000,'sam','full','019cadc6-9a80-7fd7-8cea-7200e07743a1',NULL,NULL,NULL,NULL,'{"on_behalf_of":"ana","via":"phone","link":["child_of","019cad8f-ac00-7eae-8ca5-996666ceab36"]}');
INSERT INTO "entry" VALUES('','019cad8f-ac00-77a9-a564-12a9b8a1abcd',7,'incident','link',NULL,NULL,NULL,NULL,1772442000000000,1772442000000000,'sam','full','019cadc6-9a80-7fd7-8cea-7201231747a5',NULL,NULL,NULL,NULL,'{"on_behalf_of":"ana","via":"phone","link":["watched_by","person:ana"]}');
INSERT INTO "entry" VALUES('','019cad8f-ac00-77a9-a564-12a9b8a1abcd',8,'incident','link',NULL,NULL,NULL,NULL,1772445600000000,1772445600000000,'sam','full','019cadfd-8900-7d93-9aca-3c083192a7ca',NULL,NULL,NULL,NULL,'{"on_behalf_of":"ana","via":"phone","link":["caused_by","019cadfd-8900-74a1-8f52-53a02a318785"]}');
INSERT INTO "entry" VALUES('','019cad8f-ac00-77a9-a564-12a9b8a1abcd',9,'incident','step','incident','resolve','assigned','resolved',1772445600000000,1772445600000000,'sam','full','019cadfd-8900-7d93-9aca-3c0870e32a14',NULL,NULL,NULL,NULL,'{"digest":"f0c9ac4bcd3a","changes":{"resolution":[null,"Water"],"resolution_code":[null,"solved"],"resolved_at":[null,"2026-03-02T10:00:00.000000+00:00"],"state":["assigned","resolved"]},"roles":["assignee","owner","service_desk"],"on_behalf_of":"ana","via":"phone","cause":"019cad8f-ac00-7eae-8ca5-996666ceab36:2"}');
INSERT INTO "entry" VALUES('','019cad8f-ac00-7eae-8ca5-996666ceab36',1,'incident','birth','incident','log',NULL,'new',1772438400000000,1772438400000000,'sam','full','019cad8f-ac00-77a9-a564-12a9bdb468e1',NULL,NULL,NULL,'INC0000002','{"digest":"f0c9ac4bcd3a","changes":{"state":[null,"new"],"summary":[null,"Drucker brennt 🔥"],"requester":[null,"ana"],"owner":[null,"sam"],"impact":[null,"high"],"urgency":[null,"low"],"priority":[null,3],"channel":[null,"phone"]},"on_behalf_of":"ana","via":"phone"}');
INSERT INTO "entry" VALUES('','019cad8f-ac00-7eae-8ca5-996666ceab36',2,'incident','step','incident','resolve','new','resolved',1772445600000000,1772445600000000,'sam','full','019cadfd-8900-7d93-9aca-3c0870e32a14',NULL,NULL,NULL,NULL,'{"digest":"f0c9ac4bcd3a","changes":{"resolution":[null,"Water"],"resolution_code":[null,"solved"],"resolved_at":[null,"2026-03-02T10:00:00.000000+00:00"],"state":["new","resolved"]},"roles":["owner","service_desk"],"on_behalf_of":"ana","via":"phone"}');
INSERT INTO "entry" VALUES('','019cadfd-8900-74a1-8f52-53a02a318785',1,'problem','birth','problem','log',NULL,'logged',1772445600000000,1772445600000000,'sam','full','019cadfd-8900-7319-8591-42deccea2645',NULL,NULL,NULL,'PRB0000001','{"digest":"50448dac7d2c","changes":{"state":[null,"logged"],"summary":[null,"Relay"],"impact":[null,"low"],"urgency":[null,"low"],"priority":[null,4],"owner":[null,"problem management"]},"on_behalf_of":"ana","via":"phone"}');
INSERT INTO "entry" VALUES('','019cadfd-8900-74a1-8f52-53a02a318785',2,'problem','step','problem','categorize','logged','categorized',1772445600000000,1772445600000000,'sam','full','019cadfd-8900-7bb7-9e08-caa1a0817910',NULL,NULL,NULL,NULL,'{"digest":"50448dac7d2c","changes":{"category":[null,"mail"],"state":["logged","categorized"]},"roles":["problem_manager","service_desk"],"on_behalf_of":"ana","via":"phone"}');
INSERT INTO "entry" VALUES('','019cadfd-8900-74a1-8f52-53a02a318785',3,'problem','step','problem','investigate','categorized','investigating',1772445600000000,1772445600000000,'sam','full','019cadfd-8900-7d93-9aca-3c06f5ff0c03',NULL,NULL,NULL,NULL,'{"digest":"50448dac7d2c","changes":{"state":["categorized","investigating"]},"roles":["problem_manager"],"on_behalf_of":"ana","via":"phone"}');
INSERT INTO "entry" VALUES('','019cadfd-8900-74a1-8f52-53a02a318785',4,'problem','step','problem','add_cause','investigating','investigating',1772445600000000,1772445600000000,'sam','full','019cadfd-8900-7d93-9aca-3c07ce43275a',NULL,NULL,NULL,NULL,'{"digest":"50448dac7d2c","changes":{"causes":{"+":[{"name":"valve","text":"It sticks","technique":null,"confidence":"possible","evidence":[],"at":"2026-03-02T10:00:00.000000+00:00","by":"sam"}]}},"roles":["problem_manager"],"on_behalf_of":"ana","via":"phone"}');
CREATE TABLE link (
        tenant TEXT NOT NULL, source TEXT NOT NULL, relation TEXT NOT NULL, target TEXT NOT NULL,
        source_kind TEXT NOT NULL, target_kind TEXT NOT NULL, at INTEGER NOT NULL, by TEXT NOT NULL,
        PRIMARY KEY (tenant, source, relation, target)) WITHOUT ROWID;
INSERT INTO "link" VALUES('','019cad8f-ac00-77a9-a564-12a9b8a1abcd','caused_by','019cadfd-8900-74a1-8f52-53a02a318785','incident','problem',1772445600000000,'sam');
INSERT INTO "link" VALUES('','019cad8f-ac00-77a9-a564-12a9b8a1abcd','child_of','019cad8f-ac00-7eae-8ca5-996666ceab36','incident','incident',1772442000000000,'sam');
INSERT INTO "link" VALUES('','019cad8f-ac00-77a9-a564-12a9b8a1abcd','watched_by','person:ana','incident','person',1772442000000000,'sam');
CREATE TABLE once (
        tenant TEXT NOT NULL, key TEXT NOT NULL, record_id TEXT NOT NULL, seq INTEGER NOT NULL, mark TEXT NOT NULL,
        PRIMARY KEY (tenant, key)) WITHOUT ROWID;
INSERT INTO "once" VALUES('','k','019cad8f-ac00-77a9-a564-12a9b8a1abcd',1,'incident.log');
CREATE TABLE record (
        tenant TEXT NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL, number TEXT, state TEXT NOT NULL,
        category TEXT NOT NULL, version INTEGER NOT NULL, links INTEGER NOT NULL, created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL, created_by TEXT NOT NULL, schema INTEGER NOT NULL, origin_system TEXT,
        origin_key TEXT, body TEXT NOT NULL, PRIMARY KEY (tenant, id));
INSERT INTO "record" VALUES('','019cad8f-ac00-77a9-a564-12a9b8a1abcd','incident','INC0000001','resolved','resolved',9,3,1772438400000000,1772445600000000,'sam',1,NULL,NULL,'{"overrides":{"priority":{"by":"sam","at":"2026-03-02T09:00:00.000000+00:00","reason":"the boss"}},"summary":"Mail is down","description":"","requester":"ana","owner":"sam","group":"mail","assignee":"sam","impact":"high","urgency":"low","priority":1,"channel":"phone","steps":[],"resolution":"Water","resolution_code":"solved","confidential":false,"participants":["ida","tom"],"informed":[],"resolved_at":"2026-03-02T10:00:00.000000+00:00","major":"none","extra":{"vessel":"Aurora","crew":4,"seen":"2026-03-02T08:00:00.000000+00:00"}}');
INSERT INTO "record" VALUES('','019cad8f-ac00-7eae-8ca5-996666ceab36','incident','INC0000002','resolved','resolved',2,1,1772438400000000,1772445600000000,'sam',1,NULL,NULL,'{"summary":"Drucker brennt 🔥","description":"","requester":"ana","owner":"sam","impact":"high","urgency":"low","priority":3,"channel":"phone","steps":[],"resolution":"Water","resolution_code":"solved","confidential":false,"participants":[],"informed":[],"resolved_at":"2026-03-02T10:00:00.000000+00:00","major":"none"}');
INSERT INTO "record" VALUES('','019cadfd-8900-74a1-8f52-53a02a318785','problem','PRB0000001','investigating','active',4,1,1772445600000000,1772445600000000,'sam',1,NULL,NULL,'{"summary":"Relay","description":"","symptoms":"","category":"mail","impact":"low","urgency":"low","priority":4,"owner":"problem management","causes":[{"name":"valve","text":"It sticks","technique":null,"confidence":"possible","evidence":[],"at":"2026-03-02T10:00:00.000000+00:00","by":"sam"}],"workarounds":[],"debts":[],"analyses":0,"source":"other"}');
CREATE TABLE series (
        tenant TEXT NOT NULL, prefix TEXT NOT NULL, last INTEGER NOT NULL,
        PRIMARY KEY (tenant, prefix)) WITHOUT ROWID;
INSERT INTO "series" VALUES('','INC',2);
INSERT INTO "series" VALUES('','PRB',1);
CREATE UNIQUE INDEX record_number ON record (tenant, number) WHERE number IS NOT NULL;
CREATE INDEX record_origin ON record (tenant, origin_key) WHERE origin_key IS NOT NULL;
CREATE INDEX record_category ON record (tenant, kind, category, id);
CREATE INDEX record_created ON record (tenant, kind, created_at, id);
CREATE UNIQUE INDEX entry_origin
        ON entry (tenant, origin_system, origin_key, ifnull(origin_row, x'00')) WHERE origin_system IS NOT NULL;
CREATE INDEX link_target ON link (tenant, target, relation);
CREATE TRIGGER entry_stays BEFORE DELETE ON entry
        BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
CREATE TRIGGER entry_is_redacted_only BEFORE UPDATE ON entry
        WHEN old.tenant <> new.tenant OR old.record_id <> new.record_id OR old.seq <> new.seq OR old.kind <> new.kind
            OR old.op <> new.op OR old.lifecycle IS NOT new.lifecycle OR old.event IS NOT new.event
            OR old.from_state IS NOT new.from_state OR old.to_state IS NOT new.to_state OR old.at <> new.at
            OR old.recorded_at <> new.recorded_at OR old.judged <> new.judged OR old.unit IS NOT new.unit
            OR old.origin_system IS NOT new.origin_system OR old.origin_key IS NOT new.origin_key
            OR old.origin_row IS NOT new.origin_row OR old.number IS NOT new.number
            OR NOT EXISTS (
                SELECT 1 FROM entry AS last, json_each(last.details, '$.redacted.entries') AS named
                WHERE last.tenant = old.tenant AND last.record_id = old.record_id AND last.op = 'redaction'
                    AND named.value = old.seq AND last.seq = (
                        SELECT max(seq) FROM entry WHERE tenant = old.tenant AND record_id = old.record_id))
        BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
CREATE TRIGGER record_stays BEFORE DELETE ON record
        BEGIN SELECT RAISE(ABORT, 'records are never removed'); END;
CREATE TRIGGER record_is_itself
        BEFORE UPDATE OF tenant, id, kind, number, created_at, origin_system, origin_key ON record
        BEGIN SELECT RAISE(ABORT, 'the identity of a record never changes'); END;
CREATE TRIGGER record_has_its_author BEFORE UPDATE OF created_by ON record
        WHEN NOT EXISTS (
            SELECT 1 FROM entry WHERE tenant = old.tenant AND record_id = old.id AND seq = 1 AND by = new.created_by)
        BEGIN SELECT RAISE(ABORT, 'the identity of a record never changes'); END;
CREATE INDEX due_time ON due (tenant, due_at, record_id) WHERE due_at IS NOT NULL;
CREATE INDEX due_next ON due (tenant, next_at, record_id, sort, name) WHERE next_at IS NOT NULL;
CREATE INDEX due_stamp ON due (tenant, stamp, record_id);
CREATE INDEX "record:incident:summary" ON record (tenant, json_extract(body, '$.summary'), id) WHERE kind = 'incident';
CREATE INDEX "record:incident:requester" ON record (tenant, json_extract(body, '$.requester'), id) WHERE kind = 'incident';
CREATE INDEX "record:incident:owner" ON record (tenant, json_extract(body, '$.owner'), id) WHERE kind = 'incident';
CREATE INDEX "record:incident:group" ON record (tenant, json_extract(body, '$.group'), id) WHERE kind = 'incident';
CREATE INDEX "record:incident:assignee" ON record (tenant, json_extract(body, '$.assignee'), id) WHERE kind = 'incident';
CREATE INDEX "record:incident:impact" ON record (tenant, json_extract(body, '$.impact'), id) WHERE kind = 'incident';
CREATE INDEX "record:incident:urgency" ON record (tenant, json_extract(body, '$.urgency'), id) WHERE kind = 'incident';
CREATE INDEX "record:incident:priority" ON record (tenant, json_extract(body, '$.priority'), id) WHERE kind = 'incident';
CREATE INDEX "record:incident:rank" ON record (tenant, json_extract(body, '$.rank'), id) WHERE kind = 'incident';
CREATE INDEX "record:incident:category" ON record (tenant, json_extract(body, '$.category'), id) WHERE kind = 'incident';
CREATE INDEX "record:incident:subcategory" ON record (tenant, json_extract(body, '$.subcategory'), id) WHERE kind = 'incident';
CREATE INDEX "record:incident:customer" ON record (tenant, json_extract(body, '$.customer'), id) WHERE kind = 'incident';
CREATE INDEX "record:incident:service" ON record (tenant, json_extract(body, '$.service'), id) WHERE kind = 'incident';
CREATE INDEX "record:incident:item" ON record (tenant, json_extract(body, '$.item'), id) WHERE kind = 'incident';
CREATE INDEX "record:incident:channel" ON record (tenant, json_extract(body, '$.channel'), id) WHERE kind = 'incident';
CREATE INDEX "record:incident:hold_kind" ON record (tenant, json_extract(body, '$.hold_kind'), id) WHERE kind = 'incident';
CREATE INDEX "record:incident:confidential" ON record (tenant, json_extract(body, '$.confidential'), id) WHERE kind = 'incident';
CREATE INDEX "record:incident:major" ON record (tenant, json_extract(body, '$.major'), id) WHERE kind = 'incident';
CREATE INDEX "record:incident:resolution_code" ON record (tenant, json_extract(body, '$.resolution_code'), id) WHERE kind = 'incident';
CREATE INDEX "record:incident:resolved_at" ON record (tenant, json_extract(body, '$.resolved_at'), id) WHERE kind = 'incident';
CREATE INDEX "record:incident:closed_at" ON record (tenant, json_extract(body, '$.closed_at'), id) WHERE kind = 'incident';
CREATE INDEX "record:incident:coordinator" ON record (tenant, json_extract(body, '$.coordinator'), id) WHERE kind = 'incident';
CREATE INDEX "record:incident:extra.vessel" ON record (tenant, json_extract(body, '$.extra.vessel'), id) WHERE kind = 'incident';
CREATE INDEX "record:incident:extra.crew" ON record (tenant, json_extract(body, '$.extra.crew'), id) WHERE kind = 'incident';
CREATE INDEX "record:incident:extra.seen" ON record (tenant, json_extract(body, '$.extra.seen'), id) WHERE kind = 'incident';
CREATE INDEX "record:problem:summary" ON record (tenant, json_extract(body, '$.summary'), id) WHERE kind = 'problem';
CREATE INDEX "record:problem:category" ON record (tenant, json_extract(body, '$.category'), id) WHERE kind = 'problem';
CREATE INDEX "record:problem:service" ON record (tenant, json_extract(body, '$.service'), id) WHERE kind = 'problem';
CREATE INDEX "record:problem:item" ON record (tenant, json_extract(body, '$.item'), id) WHERE kind = 'problem';
CREATE INDEX "record:problem:impact" ON record (tenant, json_extract(body, '$.impact'), id) WHERE kind = 'problem';
CREATE INDEX "record:problem:urgency" ON record (tenant, json_extract(body, '$.urgency'), id) WHERE kind = 'problem';
CREATE INDEX "record:problem:priority" ON record (tenant, json_extract(body, '$.priority'), id) WHERE kind = 'problem';
CREATE INDEX "record:problem:owner" ON record (tenant, json_extract(body, '$.owner'), id) WHERE kind = 'problem';
CREATE INDEX "record:problem:group" ON record (tenant, json_extract(body, '$.group'), id) WHERE kind = 'problem';
CREATE INDEX "record:problem:assignee" ON record (tenant, json_extract(body, '$.assignee'), id) WHERE kind = 'problem';
CREATE INDEX "record:problem:analysed_at" ON record (tenant, json_extract(body, '$.analysed_at'), id) WHERE kind = 'problem';
CREATE INDEX "record:problem:analyses" ON record (tenant, json_extract(body, '$.analyses'), id) WHERE kind = 'problem';
CREATE INDEX "record:problem:next_review_at" ON record (tenant, json_extract(body, '$.next_review_at'), id) WHERE kind = 'problem';
CREATE INDEX "record:problem:target_at" ON record (tenant, json_extract(body, '$.target_at'), id) WHERE kind = 'problem';
CREATE INDEX "record:problem:close_reason" ON record (tenant, json_extract(body, '$.close_reason'), id) WHERE kind = 'problem';
CREATE INDEX "record:problem:resolved_at" ON record (tenant, json_extract(body, '$.resolved_at'), id) WHERE kind = 'problem';
CREATE INDEX "record:problem:closed_at" ON record (tenant, json_extract(body, '$.closed_at'), id) WHERE kind = 'problem';
CREATE INDEX "record:problem:source" ON record (tenant, json_extract(body, '$.source'), id) WHERE kind = 'problem';
COMMIT;
PRAGMA application_id=1230260556;
PRAGMA user_version=2;
