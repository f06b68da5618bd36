"""Process files as other tools write them, made here from scratch: their namespaces, prefixes and habits.

Every diagram tells the same story, an inspection that somebody asks for and a technician does; every
decision file makes the same decision. What differs is the dialect.
"""

from __future__ import annotations

from dataclasses import dataclass

KEY = "inspection"

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
MILLWRIGHT = "https://millwright.example/schema/1.0"
NAMESPACES = {
    "millwright": MILLWRIGHT,
    "camunda": "http://camunda.org/schema/1.0/bpmn",
    "zeebe": "http://camunda.org/schema/zeebe/1.0",
    "modeler": "http://camunda.org/schema/modeler/1.0",
    "flowable": "http://flowable.org/bpmn",
    "activiti": "http://activiti.org/bpmn",
    "operaton": "http://operaton.org/schema/1.0/bpmn",
    "signavio": "http://www.signavio.com",
    "bizagi": "http://www.bizagi.com/bpmn20",
    "triso": "http://www.trisotech.com/2015/triso/modeling",
    "drools": "http://www.jboss.org/drools",
    "spiffworkflow": "http://spiffworkflow.org/bpmn/schema/1.0/core",
    "bioc": "http://bpmn.io/schema/bpmn/biocolor/1.0",
    "color": "http://www.omg.org/spec/BPMN/non-normative/color/1.0",
    "acme": "https://acme.example/workflow",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "di": "http://www.omg.org/spec/DD/20100524/DI",
    "dc": "http://www.omg.org/spec/DD/20100524/DC",
    "bpmndi": "http://www.omg.org/spec/BPMN/20100524/DI",
}

# The parts of the story that a dialect may write its own way; ``§`` stands for the prefix of BPMN.
START = '<§startEvent id="asked" name="Asked for"/>'
TASK = '<§userTask id="inspect" name="Inspect" millwright:candidateRole="MAINTENANCE_TECH"/>'
END = '<§endEvent id="inspected" name="Inspected"/>'
BOX = (
    '<bpmndi:BPMNShape id="s_{0}" bpmnElement="{0}"><dc:Bounds x="{1}" y="{2}" width="{3}" height="{4}"/>'
    "</bpmndi:BPMNShape>"
)
LINE = (
    '<bpmndi:BPMNEdge id="e_{0}" bpmnElement="{0}"><di:waypoint x="{1}" y="118"/>'
    '<di:waypoint x="{2}" y="118"/></bpmndi:BPMNEdge>'
)
LAYOUT = (
    '<bpmndi:BPMNDiagram id="diagram"><bpmndi:BPMNPlane id="plane" bpmnElement="inspection">'
    + BOX.format("asked", 100, 100, 36, 36)
    + BOX.format("inspect", 190, 78, 100, 80)
    + BOX.format("inspected", 340, 100, 36, 36)
    + LINE.format("to_task", 136, 190)
    + LINE.format("to_end", 290, 340)
    + "</bpmndi:BPMNPlane></bpmndi:BPMNDiagram>"
)


def diagram(
    *,
    prefix: str = "bpmn:",
    start: str = START,
    task: str = TASK,
    end: str = END,
    inside: str = "",
    beside: str = "",
    process: str = 'isExecutable="true"',
    key: str = KEY,
    definitions: str = "",
    condition: str = "",
    layout: str = LAYOUT,
    encoding: str = "UTF-8",
) -> str:
    """A diagram; ``inside`` its process stands more, and ``beside`` it."""
    declared = f'xmlns{":" + prefix[:-1] if prefix else ""}="{BPMN}" '
    declared += " ".join(f'xmlns:{name}="{namespace}"' for name, namespace in NAMESPACES.items())
    return f"""<?xml version="1.0" encoding="{encoding}"?>
<§definitions {declared} id="definitions" targetNamespace="https://tool.example/bpmn" {definitions}>
  {beside}
  <§process id="{key}" name="Inspection" {process}>
    {start}
    <§sequenceFlow id="to_task" sourceRef="asked" targetRef="inspect"/>
    {task}
    <§sequenceFlow id="to_end" sourceRef="inspect" targetRef="inspected">{condition}</§sequenceFlow>
    {end}
    {inside}
  </§process>
  {layout}
</§definitions>
""".replace("§", prefix)


def user_task(attributes: str = "", extensions: str = "") -> str:
    """A user task that a technician does, with what a tool says of it besides."""
    return (
        f'<§userTask id="inspect" name="Inspect" millwright:candidateRole="MAINTENANCE_TECH" {attributes}>'
        f"<§extensionElements>{extensions}</§extensionElements></§userTask>"
    )


def service_task(attributes: str = "", extensions: str = "") -> str:
    """A step that a program does."""
    return (
        f'<§serviceTask id="inspect" name="Inspect" {attributes}>'
        f"<§extensionElements>{extensions}</§extensionElements></§serviceTask>"
    )


# -- decisions -------------------------------------------------------------------------------------

DMN = {
    "1.1": "http://www.omg.org/spec/DMN/20151101/dmn.xsd",
    "1.1, as early tools call it": "http://www.omg.org/spec/DMN/20151101/dmn11.xsd",
    "1.2": "http://www.omg.org/spec/DMN/20180521/MODEL/",
    "1.3": "https://www.omg.org/spec/DMN/20191111/MODEL/",
    "1.4": "https://www.omg.org/spec/DMN/20211108/MODEL/",
    "1.5": "https://www.omg.org/spec/DMN/20230324/MODEL/",
}
FEEL_1_1 = "http://www.omg.org/spec/FEEL/20140401"

TABLE = """<§decision id="interval" name="Interval"><§decisionTable id="table" hitPolicy="FIRST">
<§input id="i1" label="Category">
<§inputExpression id="ie1" typeRef="string"><§text>category</§text></§inputExpression></§input>
<§output id="o1" name="days" typeRef="number"/>
<§rule id="r1"><§inputEntry id="c1"><§text>"CRANE"</§text></§inputEntry>
<§outputEntry id="c2"><§text>30</§text></§outputEntry></§rule>
<§rule id="r2"><§inputEntry id="c3"><§text>-</§text></§inputEntry>
<§outputEntry id="c4"><§text>90</§text></§outputEntry></§rule>
</§decisionTable></§decision>"""


def decisions(
    *parts: str, version: str = "1.3", namespace: str = "", prefix: str = "", attributes: str = ""
) -> str:
    """A decision file: the table, or the parts given."""
    declared = f'xmlns{":" + prefix[:-1] if prefix else ""}="{namespace or DMN[version]}"'
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<§definitions {declared} '
        'xmlns:camunda="http://camunda.org/schema/1.0/dmn" xmlns:kie="http://www.drools.org/kie/dmn/1.2" '
        f'id="interval_file" name="Interval" namespace="https://tool.example/dmn" {attributes}>'
        f"{''.join(parts) or TABLE}</§definitions>"
    ).replace("§", prefix)


def decided(logic: str, name: str = "interval", requires: str = "") -> str:
    """A decision made by something else than the table."""
    requirement = (
        f'<§informationRequirement id="n"><§requiredDecision href="#{requires}"/></§informationRequirement>'
        if requires
        else ""
    )
    return f'<§decision id="{name}" name="{name.title()}">{requirement}{logic}</§decision>'


# -- the dialects ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Dialect:
    """Files as a tool writes them, and what is to come of them.

    ``refusals`` are the problems that have to be told, each by its code and a part of what it says or
    advises; files without any are accepted. ``remarks`` are warnings told in any case.
    """

    name: str
    files: dict[str, str | bytes]
    refusals: tuple[tuple[str, str], ...] = ()
    remarks: tuple[tuple[str, str], ...] = ()

    @property
    def data(self) -> dict[str, bytes]:
        """The files as bytes."""
        return {name: text if isinstance(text, bytes) else text.encode() for name, text in self.files.items()}


def bpmn(
    name: str,
    text: str | bytes,
    *refusals: tuple[str, str],
    remarks: tuple[tuple[str, str], ...] = (),
) -> Dialect:
    return Dialect(name, {"inspection.bpmn": text}, refusals, remarks)


def dmn(name: str, text: str | bytes, *refusals: tuple[str, str]) -> Dialect:
    return Dialect(name, {"interval.dmn": text}, refusals)


FLAVOURS = [
    # what any tool may do differently, and what means the same
    bpmn(
        "bpmn.io", diagram(definitions='exporter="bpmn-js (https://demo.bpmn.io)" exporterVersion="18.3.1"')
    ),
    bpmn("the namespace without a prefix", diagram(prefix="")),
    bpmn("the prefix bpmn2", diagram(prefix="bpmn2:")),
    bpmn("the prefix semantic", diagram(prefix="semantic:")),
    bpmn("a byte order mark", diagram().encode("utf-8-sig")),
    bpmn("line ends of Windows", diagram().replace("\n", "\r\n")),
    bpmn(
        "Latin 1, declared", diagram(encoding="ISO-8859-1").replace("Asked for", "Prüfung").encode("latin-1")
    ),
    bpmn(
        "coloured shapes",
        diagram(
            layout=LAYOUT.replace(
                'bpmnElement="inspect"',
                'bpmnElement="inspect" bioc:fill="#bbdefb" color:background-color="#bbdefb"',
            )
        ),
    ),
    bpmn("no drawing at all", diagram(layout=""), remarks=(("not-drawn", "no place in the drawing"),)),
    bpmn(
        "a pool and a partner without a process",
        diagram(
            beside='<§collaboration id="c"><§participant id="us" name="Factory" processRef="inspection"/>'
            '<§participant id="them" name="Supplier"/>'
            '<§messageFlow id="order" sourceRef="inspect" targetRef="them"/></§collaboration>'
        ),
    ),
    bpmn(
        "notes, groups and data beside the flow",
        diagram(
            inside='<§textAnnotation id="note"><§text>Mind the gap</§text></§textAnnotation>'
            '<§association id="to_note" sourceRef="inspect" targetRef="note"/><§group id="g"/>'
            '<§dataObject id="data"/><§dataObjectReference id="report" dataObjectRef="data" name="Report"/>'
            '<§dataStoreReference id="store" name="Archive"/>'
        ),
    ),
    bpmn("UTF-16", diagram(encoding="UTF-16").encode("utf-16"), ("not-parsable", "in the encoding UTF-8")),
    bpmn("cut off", diagram()[:900], ("not-parsable", "not well-formed")),
    # Camunda 7, Operaton, Flowable and Activiti
    bpmn(
        "Camunda 7: people and forms",
        diagram(
            process='isExecutable="true" camunda:historyTimeToLive="P30D" camunda:versionTag="2.1"',
            task=user_task(
                'camunda:assignee="${starter}" camunda:candidateGroups="techs" camunda:dueDate="${due}"',
                '<camunda:formData><camunda:formField id="finding" type="string"/></camunda:formData>'
                '<camunda:taskListener class="org.acme.Tell" event="create"/>',
            ),
            definitions='modeler:executionPlatform="Camunda Platform"',
        ),
        remarks=(
            ("foreign-extension", "“assignee” of Camunda 7 is ignored"),
            ("foreign-extension", "Put it into a lane with a role"),
            ("foreign-extension", "Set the due time"),
            ("foreign-extension", "Make a form in the Studio"),
            ("foreign-extension", "“taskListener” of Camunda 7"),
            ("foreign-extension", "“versionTag” of Camunda 7"),
            ("foreign-extension", "history is kept"),
        ),
    ),
    bpmn(
        "Camunda 7: nobody but an assignee",
        diagram(task='<§userTask id="inspect" name="Inspect" camunda:assignee="demo"/>'),
        ("nobody", "Put it into a lane with a role"),
    ),
    bpmn(
        "Camunda 7: a Java class",
        diagram(task=service_task('camunda:class="org.acme.Inspect" camunda:asyncBefore="true"')),
        ("foreign-code", "“class” of Camunda 7 holds code"),
        ("foreign-code", "choose a service task from the list"),
        ("no-service", "Choose a service task from the list"),
    ),
    bpmn(
        "Camunda 7: an external task",
        diagram(task=service_task('camunda:type="external" camunda:topic="inspect"')),
        ("no-service", "Choose a service task from the list"),
        remarks=(("foreign-extension", "“topic” of Camunda 7 is ignored"),),
    ),
    bpmn(
        "Camunda 7: a script in Groovy",
        diagram(
            task='<§scriptTask id="inspect" name="Count" scriptFormat="groovy" millwright:resultVariable="x">'
            "<§script>[1].size()</§script></§scriptTask>"
        ),
        ("not-feel", "The script is written in groovy"),
    ),
    bpmn(
        "Camunda 7: an expression in JUEL",
        diagram(
            task='<§exclusiveGateway id="inspect" name="Any?" default="to_end"/>',
            inside='<§sequenceFlow id="other" sourceRef="inspect" targetRef="never">'
            "<§conditionExpression xsi:type=\"tFormalExpression\">${a == 1 &amp;&amp; b == 'A'}"
            '</§conditionExpression></§sequenceFlow><§endEvent id="never" name="Never"/>',
        ),
        ("feel-syntax", "in the language of another product"),
        ("feel-syntax", 'perhaps: =a = 1 and b = "A"'),
    ),
    bpmn(
        "Camunda 7: an embedded form",
        diagram(task=user_task('camunda:formKey="embedded:app:forms/inspect.html"')),
        ("unknown-form", "Pages of other products are not shown here"),
    ),
    bpmn(
        "Camunda 7: a decision",
        diagram(
            task='<§businessRuleTask id="inspect" name="Decide" camunda:decisionRef="interval" '
            'camunda:resultVariable="rule"/>'
        ),
        ("no-decision", "Choose a decision table"),
        remarks=(("foreign-extension", "Choose its decision in the properties"),),
    ),
    bpmn(
        "Operaton: a delegate",
        diagram(task=service_task('operaton:delegateExpression="${inspect}"')),
        ("foreign-code", "“delegateExpression” of Operaton holds code"),
        ("no-service", "Choose a service task from the list"),
    ),
    bpmn(
        "Flowable: a class and fields",
        diagram(task=service_task('flowable:class="org.acme.Inspect"', '<flowable:field name="to"/>')),
        ("foreign-code", "“class” of Flowable holds code"),
        ("no-service", "Choose a service task from the list"),
        remarks=(("foreign-extension", "“field” of Flowable is ignored"),),
    ),
    bpmn(
        "Activiti: an expression",
        diagram(task=service_task('activiti:expression="#{inspector.inspect()}"')),
        ("foreign-code", "“expression” of Activiti holds code"),
        ("no-service", "Choose a service task from the list"),
    ),
    # Camunda 8
    bpmn(
        "Camunda 8: a worker",
        diagram(
            task=service_task(
                "",
                '<zeebe:taskDefinition type="inspect"/>'
                '<zeebe:ioMapping><zeebe:input source="=a" target="b"/></zeebe:ioMapping>',
            ),
            definitions='modeler:executionPlatform="Camunda Cloud" modeler:executionPlatformVersion="8.7.0"',
        ),
        ("no-service", "Choose a service task from the list"),
        remarks=(
            ("foreign-extension", "“taskDefinition” of Camunda 8 is ignored"),
            ("foreign-extension", "as inputs and outputs, in FEEL"),
        ),
    ),
    bpmn(
        "Camunda 8: a user task",
        diagram(
            task=user_task(
                "",
                '<zeebe:userTask/><zeebe:assignmentDefinition candidateGroups="techs"/>'
                '<zeebe:taskSchedule dueDate="=due"/><zeebe:priorityDefinition priority="50"/>',
            )
        ),
        remarks=(
            ("foreign-extension", "Set the assignee"),
            ("foreign-extension", "Set the due time"),
            ("foreign-extension", "Set the priority"),
        ),
    ),
    bpmn(
        "Camunda 8: a script in FEEL",
        diagram(
            task='<§scriptTask id="inspect" name="Inspect"><§extensionElements>'
            '<zeebe:script expression="=1 + 1" resultVariable="two"/></§extensionElements></§scriptTask>'
        ),
        ("foreign-code", "write its expression as the script of a script task"),
        ("script-missing", "has no script"),
    ),
    bpmn(
        "Camunda 8: a timer without quotation marks",
        diagram(
            task='<§intermediateCatchEvent id="inspect" name="Wait"><§timerEventDefinition id="t">'
            "<§timeDuration>PT5M</§timeDuration></§timerEventDefinition></§intermediateCatchEvent>"
        ),
        ("timer-unquoted", 'Write ="PT5M"'),
    ),
    bpmn(
        "Camunda 8: a function of its own",
        diagram(
            task='<§exclusiveGateway id="inspect" name="Any?" default="to_end"/>',
            inside='<§sequenceFlow id="other" sourceRef="inspect" targetRef="never">'
            "<§conditionExpression>=is empty([1])</§conditionExpression></§sequenceFlow>"
            '<§endEvent id="never" name="Never"/>',
        ),
        ("unknown-function", "Write count(list) = 0"),
    ),
    # the rest of the market
    bpmn(
        "SpiffWorkflow: Python",
        diagram(task=user_task("", "<spiffworkflow:postScript>x = 1</spiffworkflow:postScript>")),
        ("foreign-code", "“postScript” of SpiffWorkflow"),
    ),
    bpmn(
        "jBPM: a script at the start of a task",
        diagram(
            task=user_task(
                "", "<drools:onEntry-script><drools:script>x();</drools:script></drools:onEntry-script>"
            )
        ),
        ("foreign-code", "“script” of jBPM"),
    ),
    bpmn(
        "Signavio: a drawing that was never meant to run",
        diagram(
            prefix="",
            process='isExecutable="false"',
            key="sid-4F2A",
            task='<task id="inspect" name="Inspect"><extensionElements>'
            '<signavio:signavioMetaData metaKey="bgcolor" metaValue="#ffffcc"/></extensionElements></task>',
            definitions='expressionLanguage="http://www.w3.org/1999/XPath"',
        ),
        ("not-executable", "Set “Executable”"),
        ("bad-key", "for example to “sid_4f2a”"),
        remarks=(
            ("foreign-extension", "What Signavio keeps in the diagram for itself is ignored"),
            ("does-nothing", "Make it a user task"),
        ),
    ),
    bpmn(
        "Bizagi: notes of its own",
        diagram(
            task=user_task(
                "", "<bizagi:BizagiExtensions><bizagi:BizagiProperties/></bizagi:BizagiExtensions>"
            )
        ),
        remarks=(("foreign-extension", "Bizagi"),),
    ),
    bpmn(
        "Trisotech: notes of its own",
        diagram(definitions='triso:logoChoice="Default"'),
        remarks=(("foreign-extension", "Trisotech"),),
    ),
    bpmn(
        "a tool that nobody knows",
        diagram(task=user_task('acme:class="x.Y"')),
        remarks=(("foreign-extension", "another product (https://acme.example/workflow)"),),
    ),
    bpmn(
        "Bizagi: XPDL",
        '<Package xmlns="http://www.wfmc.org/2009/XPDL2.2" Id="p" Name="Inspection"/>',
        ("not-bpmn", "its root is “Package”"),
        ("not-bpmn", "Save it as BPMN 2.0"),
    ),
    bpmn("no namespace", "<definitions><process/></definitions>", ("not-bpmn", "its root is “definitions”.")),
    bpmn("a decision named .bpmn", decisions(), ("not-bpmn", "spec/DMN/")),
    # what is BPMN, and cannot be run here
    bpmn(
        "two pools that both run",
        diagram(
            key="second",
            beside='<§process id="inspection" isExecutable="true"><§startEvent id="o"/>'
            '<§sequenceFlow id="o_p" sourceRef="o" targetRef="p"/><§endEvent id="p"/></§process>',
        ),
        ("several-processes", "Keep one"),
    ),
    bpmn(
        "a call of another process",
        diagram(task='<§callActivity id="inspect" name="Inspect" calledElement="other"/>'),
        ("unsupported-element", "Start the other process by a message"),
    ),
    bpmn(
        "many at once",
        diagram(
            task='<§userTask id="inspect" name="Inspect" millwright:candidateRole="MAINTENANCE_TECH">'
            '<§multiInstanceLoopCharacteristics camunda:collection="${parts}"/></§userTask>'
        ),
        ("unsupported-marker", "Let one form ask for several rows"),
        remarks=(("foreign-extension", "“collection” of Camunda 7"),),
    ),
    bpmn(
        "an ad-hoc subprocess",
        diagram(task='<§adHocSubProcess id="inspect" name="Inspect"/>'),
        ("unsupported-element", "is an adHocSubProcess"),
    ),
    bpmn(
        "a signal",
        diagram(
            end='<§endEvent id="inspected" name="Inspected"><§signalEventDefinition id="s"/></§endEvent>'
        ),
        ("unsupported-event", "of the kind “signal”"),
    ),
    bpmn(
        "a start at midnight",
        diagram(
            start='<§startEvent id="asked" name="At midnight"><§timerEventDefinition id="t">'
            '<§timeDuration>="PT24H"</§timeDuration></§timerEventDefinition></§startEvent>'
        ),
        ("unsupported-event", "A process starts by a form or by a message"),
    ),
    # decisions
    *(dmn(f"DMN {version}", decisions(version=version)) for version in DMN),
    dmn("DMN with a prefix", decisions(prefix="dmn:")),
    dmn(
        "Camunda 7: its own attributes",
        decisions(
            TABLE.replace(
                'id="interval"', 'id="interval" camunda:historyTimeToLive="P30D" camunda:versionTag="2"'
            ).replace('id="i1"', 'id="i1" camunda:inputVariable="category"'),
            version="1.3",
        ),
    ),
    dmn(
        "KIE: an expression",
        decisions(decided("<§literalExpression><§text>90</§text></§literalExpression>"), version="1.2"),
    ),
    dmn(
        "a decision that requires another",
        decisions(
            TABLE.replace('id="interval"', 'id="base"').replace('name="Interval"', 'name="base"'),
            decided("<§literalExpression><§text>base + 1</§text></§literalExpression>", requires="base"),
        ),
    ),
    dmn(
        "DMN 1.1: FEEL by its address",
        decisions(version="1.1", prefix="dmn11:", attributes=f'expressionLanguage="{FEEL_1_1}"'),
    ),
    dmn(
        "a draft of DMN",
        decisions(namespace="http://www.omg.org/spec/DMN/20130901"),
        ("not-dmn", "DMN file of version 1.1 to 1.5"),
    ),
    dmn("a diagram named .dmn", diagram(), ("not-dmn", "a BPMN diagram")),
    dmn("a page named .dmn", "<html><body/></html>", ("not-dmn", "its root is “html”")),
    dmn(
        "JUEL in a cell",
        decisions(TABLE.replace('<§inputEntry id="c1">', '<§inputEntry id="c1" expressionLanguage="juel">')),
        ("not-dmn", "An expression is written in juel"),
    ),
    dmn(
        "a model of business knowledge",
        decisions(TABLE, '<§businessKnowledgeModel id="b" name="B"/>'),
        ("not-dmn", "Make a decision of it"),
    ),
    dmn(
        "a decision service",
        decisions(TABLE, '<§decisionService id="s" name="S"/>'),
        ("not-dmn", "a process calls the decision itself"),
    ),
    dmn(
        "an import",
        decisions(
            '<§import namespace="https://other.example" importType="https://www.omg.org/spec/DMN/20191111/MODEL/"/>',
            TABLE,
        ),
        ("not-dmn", "Copy what it needs"),
    ),
    dmn("a boxed context", decisions(decided("<§context/>")), ("not-dmn", "it holds a boxed context")),
    dmn("a relation", decisions(decided("<§relation/>")), ("not-dmn", "it holds a relation")),
    dmn("an invocation", decisions(decided("<§invocation/>")), ("not-dmn", "it holds an invocation")),
    dmn("an empty decision", decisions(decided("")), ("not-dmn", "it holds nothing")),
    dmn(
        "cells as Excel leaves them",
        decisions(TABLE.replace("<§text>30</§text>", "<§text>30 days</§text>")),
        ("feel-syntax", "30 days"),
    ),
    dmn("no rule for anything", decisions(TABLE[: TABLE.index("<§rule")] + "</§decisionTable></§decision>")),
]
