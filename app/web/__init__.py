"""The pages. Views gather input, call one function of the rooms below, and render or redirect."""

from __future__ import annotations

from flask import Flask

from app.web import (
    accounts,
    activity,
    alerts,
    analytics,
    assets,
    attachments,
    auth,
    batches,
    catalogues,
    departments,
    dry_runs,
    errors,
    exports,
    formatting,
    imports,
    inbox,
    instances,
    label_sheets,
    labels,
    list_exports,
    listing,
    machine_forms,
    machine_parts,
    machines,
    meter_readings,
    migrations,
    monitor,
    monitored_instance,
    navigation,
    notifications,
    part_forms,
    parts,
    parts_requests,
    patience,
    people,
    preventive,
    preventive_calendar,
    process_figures,
    profile,
    records,
    replenishments,
    reports,
    requests,
    scan,
    schedules,
    settings,
    shipped,
    starts,
    stock_counts,
    stock_locations,
    stock_movements,
    stock_reorder,
    stock_value,
    studio,
    tasks,
    user_actions,
    users,
    versions,
)

PAGES = (
    auth.pages,
    accounts.pages,
    inbox.pages,
    tasks.pages,
    starts.pages,
    scan.pages,
    requests.pages,
    parts_requests.pages,
    records.pages,
    machines.pages,
    machine_forms.pages,
    machine_parts.pages,
    label_sheets.pages,
    parts.pages,
    preventive.pages,
    preventive_calendar.pages,
    meter_readings.pages,
    replenishments.pages,
    part_forms.pages,
    stock_movements.pages,
    stock_locations.pages,
    stock_counts.pages,
    stock_reorder.pages,
    stock_value.pages,
    departments.pages,
    catalogues.failure_codes,
    catalogues.maintenance_types,
    users.pages,
    user_actions.pages,
    settings.pages,
    imports.pages,
    analytics.pages,
    schedules.pages,
    reports.pages,
    exports.pages,
    activity.pages,
    notifications.pages,
    profile.pages,
    attachments.pages,
    instances.pages,
    studio.pages,
    dry_runs.pages,
    versions.pages,
    shipped.pages,
    migrations.pages,
    process_figures.pages,
    monitor.pages,
    monitored_instance.pages,
    batches.pages,
    alerts.pages,
    navigation.pages,
)


def init_web(app: Flask) -> None:
    """Register the pages, and what their templates use."""
    people.init_sign_in(app)
    list_exports.init_list_exports(app)
    assets.init_assets(app)
    formatting.init_formatting(app)
    labels.init_labels(app)
    listing.init_listing(app)
    attachments.init_attachments(app)
    navigation.init_navigation(app)
    preventive.init_preventive(app)
    versions.init_versions(app)
    monitor.init_live(app)
    errors.init_errors(app)
    for pages in PAGES:
        app.register_blueprint(pages)
    patience.init_patience(app, PAGES)
