"""Runs process definitions: deployments, instances, user tasks, timers, messages, incidents, history.

Knows BPMN, DMN, FEEL and forms; knows nothing of machines or spare parts. What a factory's
processes are about reaches it through :mod:`app.engine.bindings` and :mod:`app.engine.services`.
"""
