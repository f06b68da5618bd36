"""Who may open which page, and send which form: one row an address, in the order of the alphabet.

A administrator, S supervisor, T technician, M maintenance manager, I inventory manager; O whoever has the
process owner's flag and no role; U everybody who is signed in, also without a role; * anybody.
"""

from __future__ import annotations

TABLE = """
POST      /replenishments/<int:replenishment_id>/<any('arrived', 'date', 'call-off'):saying>  AMI
GET       /                                                      U
GET       /activity                                              A
GET POST  /activity/export.<form>                                A
GET       /analytics                                             ASTMI
GET       /analytics/<name>                                      U
GET       /analytics/how                                         ASTMI
GET       /attachments/<int:attachment_id>                       U
GET POST  /attachments/<int:attachment_id>/remove                ASTMI
POST      /attachments/of/<kind>/<int:record_id>                 ASTMI
GET       /calendar                                              ASTMI
GET       /departments                                           ASTMIO
GET       /departments/<int:department_id>                       ASTMIO
GET POST  /departments/<int:department_id>/delete                A
GET POST  /departments/<int:department_id>/edit                  A
GET POST  /departments/export.<form>                             ASTMIO
GET POST  /departments/new                                       A
GET       /exports                                               U
POST      /exports/<int:export_id>/delete                        U
GET       /exports/<int:export_id>/file                          U
GET       /failure-codes                                         ASTMIO
GET POST  /failure-codes/<int:entry_id>/delete                   A
GET POST  /failure-codes/<int:entry_id>/edit                     A
GET POST  /failure-codes/export.<form>                           ASTMIO
GET POST  /failure-codes/new                                     A
GET POST  /forgot-password                                       *
GET       /healthz                                               *
GET       /import                                                AMI
GET POST  /import/<kind>                                         A
GET POST  /import/<kind>/<int:file_id>                           A
POST      /import/<kind>/<int:file_id>/columns                   A
GET POST  /import/<kind>/<int:file_id>/problems.<form>           A
GET       /import/<kind>/template.<form>                         A
GET       /inbox/state                                           U
GET       /instances/<int:instance_id>/diagram.xml               U
GET       /instances/<int:instance_id>/tokens.json               U
GET       /m/<qr_code>                                           ASTMIO
GET       /machines                                              ASTMIO
GET       /machines/<int:machine_id>                             ASTMIO
GET POST  /machines/<int:machine_id>/decommission                A
GET POST  /machines/<int:machine_id>/delete                      A
GET POST  /machines/<int:machine_id>/edit                        A
GET       /machines/<int:machine_id>/history                     ASTMIO
GET       /machines/<int:machine_id>/label                       ASTMIO
GET       /machines/<int:machine_id>/meter                       ASTMI
POST      /machines/<int:machine_id>/meter                       ATM
GET POST  /machines/<int:machine_id>/meter/export.<form>         ASTMI
GET POST  /machines/<int:machine_id>/parts/<int:part_id>/edit    A
GET POST  /machines/<int:machine_id>/parts/<int:part_id>/remove  A
GET POST  /machines/<int:machine_id>/parts/new                   A
GET       /machines/<int:machine_id>/qr.png                      ASTMIO
GET       /machines/<int:machine_id>/qr.svg                      ASTMIO
POST      /machines/<int:machine_id>/recommission                A
GET POST  /machines/export.<form>                                ASTMIO
GET       /machines/labels                                       ASTMIO
GET       /machines/labels.pdf                                   ASTMIO
GET POST  /machines/new                                          A
GET       /maintenance-types                                     ASTMIO
GET POST  /maintenance-types/<int:entry_id>/delete               A
GET POST  /maintenance-types/<int:entry_id>/edit                 A
GET POST  /maintenance-types/export.<form>                       ASTMIO
GET POST  /maintenance-types/new                                 A
GET       /menu                                                  U
GET       /metrics                                               *
GET       /monitor                                               AMO
GET       /monitor/alerts                                        AMO
GET       /monitor/alerts/<int:rule_id>                          AMO
GET POST  /monitor/alerts/<int:rule_id>/delete                   AM
GET POST  /monitor/alerts/<int:rule_id>/edit                     AM
POST      /monitor/alerts/<int:rule_id>/switch                   AM
POST      /monitor/alerts/<int:rule_id>/test                     AM
GET POST  /monitor/alerts/new                                    AM
GET       /monitor/batches                                       AM
GET       /monitor/batches/<name>                                AM
GET POST  /monitor/batches/new                                   AM
GET       /monitor/instances                                     AMO
GET       /monitor/instances/<int:instance_id>                   U
GET POST  /monitor/instances/<int:instance_id>/<operation>       AM
GET       /monitor/live                                          AMO
GET       /monitor/processes/<key>                               AMO
GET       /monitor/processes/<key>/events.csv                    AMO
GET       /monitor/processes/<key>/events.xes                    AMO
GET       /monitor/processes/<key>/variants                      AMO
GET       /monitor/state                                         AMO
POST      /monitor/views                                         AMO
POST      /monitor/views/<int:view_id>                           AMO
POST      /monitor/views/<int:view_id>/delete                    AMO
GET       /notifications                                         U
POST      /notifications/<int:notification_id>/open              U
GET       /notifications/count                                   U
POST      /notifications/read                                    U
GET       /p/<int:part_id>                                       ASTMI
GET       /parts                                                 ASTMI
GET       /parts-requests                                        ASTMI
GET       /parts-requests/<int:parts_request_id>                 U
GET       /parts/<int:part_id>                                   ASTMI
GET POST  /parts/<int:part_id>/delete                            AI
GET POST  /parts/<int:part_id>/edit                              AI
GET POST  /parts/export.<form>                                   ASTMI
GET       /parts/labels                                          ASTMI
GET       /parts/labels.pdf                                      ASTMI
GET POST  /parts/new                                             AI
GET       /preventive                                            ASTMI
GET       /preventive/<int:task_id>                              ASTMI
GET POST  /preventive/<int:task_id>/deactivate                   AM
GET POST  /preventive/<int:task_id>/delete                       AM
GET POST  /preventive/<int:task_id>/edit                         AM
GET POST  /preventive/export.<form>                              ASTMI
GET       /preventive/jobs/<int:job_id>                          ASTMI
POST      /preventive/jobs/<int:job_id>/call-off                 ASTMI
GET POST  /preventive/new                                        AM
GET POST  /profile                                               U
POST      /profile/absences                                      U
POST      /profile/absences/<int:absence_id>/remove              U
POST      /profile/notifications                                 U
POST      /profile/password                                      U
POST      /profile/sessions/<int:session_id>/end                 U
POST      /profile/sessions/end-others                           U
GET       /readyz                                                *
GET       /records                                               U
GET       /records/<int:record_id>                               U
GET POST  /register                                              *
GET       /replenishments                                        AMI
GET       /replenishments/<int:replenishment_id>                 AMI
GET POST  /replenishments/export.<form>                          AMI
GET POST  /report                                                AS
GET       /reports                                               ASMI
GET       /reports/<name>                                        U
GET POST  /reports/<name>/export.<form>                          ASMI
GET       /reports/schedules                                     ASMI
GET POST  /reports/schedules/<int:schedule_id>/delete            ASMI
GET POST  /reports/schedules/<int:schedule_id>/edit              ASMI
GET POST  /reports/schedules/new                                 ASMI
GET       /requests                                              U
GET       /requests/<int:request_id>                             U
POST      /requests/<int:request_id>/cancel                      U
GET POST  /reset/<token>                                         *
GET       /scan                                                  ASTMIO
GET POST  /settings                                              A
GET POST  /sign-in                                               *
POST      /sign-out                                              U
GET POST  /start/<key>                                           U
GET       /stock/counts                                          AMI
GET       /stock/counts/<int:count_id>                           AMI
GET POST  /stock/counts/<int:count_id>/cancel                    AI
POST      /stock/counts/<int:count_id>/lines                     AI
POST      /stock/counts/<int:count_id>/lines/<int:line_id>       AI
POST      /stock/counts/<int:count_id>/post                      AI
POST      /stock/counts/<int:count_id>/recount                   AI
GET       /stock/counts/<int:count_id>/review                    AMI
GET POST  /stock/counts/<int:count_id>/review/export.<form>      AMI
GET       /stock/counts/<int:count_id>/sheet                     AMI
GET POST  /stock/counts/export.<form>                            AMI
GET POST  /stock/counts/new                                      AI
GET       /stock/locations                                       ASTMI
GET       /stock/locations/<int:location_id>                     ASTMI
GET POST  /stock/locations/<int:location_id>/delete              AI
GET POST  /stock/locations/<int:location_id>/edit                AI
GET POST  /stock/locations/export.<form>                         ASTMI
GET POST  /stock/locations/new                                   AI
GET       /stock/movements                                       AMI
GET POST  /stock/movements/export.<form>                         AMI
GET POST  /stock/movements/new/<kind>                            I
GET       /stock/reorder                                         AMI
GET POST  /stock/reorder/export.<form>                           AMI
GET       /stock/valuation                                       AMI
GET POST  /stock/valuation/export.<form>                         AMI
GET       /studio                                                AO
GET       /studio/<key>                                          AO
GET       /studio/<key>/compare                                  AMO
GET       /studio/<key>/draft.xml                                AO
GET POST  /studio/<key>/dry-run                                  AO
GET       /studio/<key>/migrate                                  AMO
POST      /studio/<key>/migrate                                  AO
GET       /studio/<key>/migrations/<name>                        AMO
GET       /studio/<key>/shipped                                  AO
GET       /studio/<key>/shipped.xml                              AO
POST      /studio/<key>/shipped/decline                          AO
POST      /studio/<key>/shipped/deploy                           AO
POST      /studio/<key>/shipped/draft                            AO
GET       /studio/<key>/versions                                 AMO
GET       /studio/<key>/versions/<int:version>                   AMO
GET       /studio/<key>/versions/<int:version>/diagram.xml       AMO
GET POST  /studio/<key>/versions/<int:version>/edit              AO
GET       /studio/<key>/versions/<int:version>/files.zip         AMO
GET       /studio/<key>/versions/<int:version>/files/<name>      AMO
GET POST  /studio/<key>/versions/<int:version>/rollback          AO
GET POST  /studio/new                                            AO
GET POST  /tasks/<int:task_id>                                   U
POST      /tasks/<int:task_id>/claim                             U
POST      /tasks/<int:task_id>/comments                          U
POST      /tasks/<int:task_id>/delegate                          U
POST      /tasks/<int:task_id>/release                           U
GET       /users                                                 AM
GET       /users/<int:user_id>                                   AM
POST      /users/<int:user_id>/absences                          A
POST      /users/<int:user_id>/absences/<int:absence_id>/remove  A
GET POST  /users/<int:user_id>/deactivate                        A
GET POST  /users/<int:user_id>/delete                            A
GET POST  /users/<int:user_id>/edit                              A
POST      /users/<int:user_id>/link                              A
POST      /users/<int:user_id>/send-link                         A
POST      /users/<int:user_id>/sessions/<int:session_id>/end     A
POST      /users/<int:user_id>/sessions/end                      A
POST      /users/<int:user_id>/unlock                            A
GET POST  /users/export.<form>                                   AM
GET POST  /users/new                                             A
"""


def _read(table: str) -> dict[tuple[str, str], str]:
    """The letters by method and path."""
    rights: dict[tuple[str, str], str] = {}
    for line in table.strip().splitlines():
        address, letters = line.rsplit(maxsplit=1)
        methods, path = address.split("/", 1)
        path = f"/{path}".strip()
        for method in methods.split():
            if (method, path) in rights:
                raise ValueError(f"{method} {path} has two rows")
            rights[method, path] = letters
    return rights


RIGHTS = _read(TABLE)
