"""Calls `fgctl serve` with the vendor's Python SDK: the server accepts its requests, and it accepts the server's answers.

The environment names the server and the keys: FGCTL_ENDPOINT, FGCTL_REGION, FGCTL_PROJECT_ID, FGCTL_ACCESS_KEY,
FGCTL_SECRET_KEY. Each function whose name starts with `test_` is a test. Prints the name of each test that passed.
"""

import base64
import io
import json
import os
import time
import uuid
import zipfile

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException, ServerResponseException
from huaweicloudsdkfunctiongraph.v2 import *

REGION = os.environ["FGCTL_REGION"]
PROJECT = os.environ["FGCTL_PROJECT_ID"]
SOURCE = "def handler(event, context):\n    return {'echo': event}\n"
FAILING = "def handler(event, context):\n    raise ValueError('on purpose')\n"
# Seconds to wait for an expected event.
PATIENCE = 60


def client(secret_key=os.environ["FGCTL_SECRET_KEY"]):
    credentials = BasicCredentials(os.environ["FGCTL_ACCESS_KEY"], secret_key, PROJECT)
    builder = FunctionGraphClient.new_builder().with_credentials(credentials)
    return builder.with_endpoint(os.environ["FGCTL_ENDPOINT"]).build()


SERVICE = client()


def urn(name, qualifier=None):
    whole = f"urn:fss:{REGION}:{PROJECT}:function:default:{name}"
    return f"{whole}:{qualifier}" if qualifier else whole


def code(source):
    return FuncCode(file=base64.b64encode(source.encode()).decode())


def create(name, source=SOURCE, **more):
    body = CreateFunctionRequestBody(
        func_name=name, package="default", runtime="Python3.9", timeout=30, handler="index.handler",
        memory_size=128, code_type="inline", func_code=code(source), **more)
    return SERVICE.create_function(CreateFunctionRequest(body=body))


def write_code(name, source):
    body = UpdateFunctionCodeRequestBody(code_type="inline", func_code=code(source))
    return SERVICE.update_function_code(UpdateFunctionCodeRequest(function_urn=urn(name), body=body))


def publish(name, version):
    body = CreateFunctionVersionRequestBody(version=version, description=f"{version} of {name}")
    return SERVICE.create_function_version(CreateFunctionVersionRequest(function_urn=urn(name), body=body))


def refused(status, code, call, request):
    try:
        call(request)
    except (ClientRequestException, ServerResponseException) as error:
        assert (error.status_code, error.error_code) == (status, code), error
        assert error.request_id and error.error_msg, error
    else:
        raise AssertionError(f"{request} is not refused")


def eventually(read):
    """What `read` answers, once that is something."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        answer = read()
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"{read} answered nothing for {PATIENCE} s")


def test_a_function_is_created_read_updated_and_deleted():
    created = create("crud", description="first", user_data='{"LEVEL":"info"}',
                     encrypted_user_data='{"PASSWORD":"hunter2"}', initializer_handler="index.init",
                     initializer_timeout=5)
    assert (created.func_name, created.func_urn, created.cpu) == ("crud", urn("crud", "latest"), 300), created
    request = ShowFunctionConfigRequest(function_urn=urn("crud"))
    shown = SERVICE.show_function_config(request)
    assert (shown.description, shown.user_data, shown.initializer_timeout) == ("first", '{"LEVEL":"info"}', 5), shown
    assert shown.encrypted_user_data == '{"PASSWORD":""}', shown
    body = UpdateFunctionConfigRequestBody(
        func_name="crud", runtime="Python3.9", timeout=31, handler="index.handler", memory_size=256,
        description="", strategy_config=StrategyConfig(concurrency=5, concurrent_num=1))
    updated = SERVICE.update_function_config(UpdateFunctionConfigRequest(function_urn=urn("crud"), body=body))
    assert (updated.timeout, updated.memory_size, updated.strategy_config.concurrency) == (31, 256, 5), updated
    # An update clears the fields that it omits, except for the number of instances.
    shown = SERVICE.show_function_config(request)
    assert (shown.user_data or "", shown.initializer_handler or "") == ("", ""), shown
    body.strategy_config, body.user_data = None, '{"LEVEL":"debug"}'
    SERVICE.update_function_config(UpdateFunctionConfigRequest(function_urn=urn("crud"), body=body))
    shown = SERVICE.show_function_config(request)
    assert (shown.user_data, shown.strategy_config.concurrency) == ('{"LEVEL":"debug"}', 5), shown
    digest = write_code("crud", FAILING).digest
    shown = SERVICE.show_function_code(ShowFunctionCodeRequest(function_urn=urn("crud")))
    assert shown.digest == digest != created.digest and shown.func_code.file.startswith("UEsDB"), shown
    SERVICE.delete_function(DeleteFunctionRequest(function_urn=urn("crud")))
    refused(404, "FSS.1051", SERVICE.show_function_config, request)


def test_a_list_is_read_page_by_page():
    names = [f"page{number}" for number in range(5)]
    for name in names:
        create(name)
    found, marker = [], "0"
    while True:
        request = ListFunctionsRequest(marker=marker, maxitems="2", func_name="page", package_name="default")
        page = SERVICE.list_functions(request)
        assert page.count == 5 and len(page.functions) <= 2, page
        found += [function.func_name for function in page.functions]
        if not page.functions or str(page.next_marker) == marker:
            break
        marker = str(page.next_marker)
    assert found == names, found


def test_an_asynchronous_configuration_has_any_of_four_targets():
    create("policy")
    topic = f"urn:smn:{REGION}:{PROJECT}:pager"
    targets = [
        ("OBS", {"bucket": "failures", "prefix": "async/", "expires": 7}),
        ("SMN", {"topic_urn": topic}),
        ("DIS", {"stream_name": "audit"}),
        ("FunctionGraph", {"func_urn": urn("policy2", "latest")}),
    ]
    read = ShowFunctionAsyncInvokeConfigRequest(function_urn=urn("policy"))
    refused(404, "FSS.0404", SERVICE.show_function_async_invoke_config, read)
    for service, param in targets:
        target = FuncDestinationConfig(destination=service, param=json.dumps(param))
        body = UpdateFunctionAsyncInvokeConfigRequestBody(
            max_async_event_age_in_seconds=86400, max_async_retry_attempts=0,
            destination_config=FuncAsyncDestinationConfig(on_success=target, on_failure=target))
        request = UpdateFunctionAsyncInvokeConfigRequest(function_urn=urn("policy"), body=body)
        SERVICE.update_function_async_invoke_config(request)
        shown = SERVICE.show_function_async_invoke_config(read)
        assert (shown.max_async_event_age_in_seconds, shown.max_async_retry_attempts) == (86400, 0), shown
        for side in (shown.destination_config.on_success, shown.destination_config.on_failure):
            assert (side.destination, side.param) == (service, json.dumps(param)), shown
    body = UpdateFunctionAsyncInvokeConfigRequestBody(max_async_retry_attempts=4)
    request = UpdateFunctionAsyncInvokeConfigRequest(function_urn=urn("policy"), body=body)
    refused(400, "FSS.0400", SERVICE.update_function_async_invoke_config, request)
    request = ListFunctionAsyncInvokeConfigRequest(function_urn=urn("policy"), marker="0", limit="10")
    listed = SERVICE.list_function_async_invoke_config(request)
    assert [config.func_urn for config in listed.async_invoke_configs] == [urn("policy", "latest")], listed
    request = DeleteFunctionAsyncInvokeConfigRequest(function_urn=urn("policy"))
    SERVICE.delete_function_async_invoke_config(request)
    refused(404, "FSS.0404", SERVICE.show_function_async_invoke_config, read)


def test_tags_are_set_found_and_deleted():
    create("tagged")
    tags = UpdateFunctionTagsRequestBody(tags=[KvItem(key="team", value="payments")])
    SERVICE.create_tags(CreateTagsRequest(resource_type="functions", resource_id=urn("tagged"), body=tags))
    shown = SERVICE.list_function_tags(ListFunctionTagsRequest(resource_type="functions", resource_id=urn("tagged")))
    assert [(tag.key, tag.value) for tag in shown.tags] == [("team", "payments")], shown
    known = SERVICE.show_project_tags_list(ShowProjectTagsListRequest(resource_type="functions"))
    assert [(tag.key, tag.values) for tag in known.tags] == [("team", ["payments"])], known
    body = ListEnterpriseResourceRequestBody(limit="10", offset="0", matches=[KvItem("resource_name", "tagged")])
    request = ShowResInstanceInfoRequest(resource_type="functions", action="filter", body=body)
    found = SERVICE.show_res_instance_info(request)
    assert [resource.resource_id for resource in found.resources] == [urn("tagged")], found
    SERVICE.delete_tags(DeleteTagsRequest(resource_type="functions", resource_id=urn("tagged"), body=tags))
    shown = SERVICE.list_function_tags(ListFunctionTagsRequest(resource_type="functions", resource_id=urn("tagged")))
    assert not shown.tags, shown


def test_versions_and_aliases_are_published_shared_out_and_deleted():
    create("versioned")
    published = publish("versioned", "v1")
    assert (published.version, published.func_urn) == ("v1", urn("versioned", "v1")), published
    body = CreateFunctionVersionRequestBody(version="v2")
    request = CreateFunctionVersionRequest(function_urn=urn("versioned"), body=body)
    refused(400, "FSS.1016", SERVICE.create_function_version, request)
    write_code("versioned", FAILING)
    publish("versioned", "v2")
    listed = SERVICE.list_function_versions(ListFunctionVersionsRequest(function_urn=urn("versioned")))
    assert [version.version for version in listed.versions] == ["latest", "v1", "v2"], listed
    body = CreateVersionAliasRequestBody(name="prod", version="v1", additional_version_weights={"v2": 25})
    created = SERVICE.create_version_alias(CreateVersionAliasRequest(function_urn=urn("versioned"), body=body))
    assert (created.alias_urn, created.additional_version_weights) == (urn("versioned", "!prod"), {"v2": 25}), created
    refused(409, "FSS.1063", SERVICE.create_version_alias,
            CreateVersionAliasRequest(function_urn=urn("versioned"), body=body))
    # The exclamation mark is percent-encoded in the path, and the signature covers this form.
    shown = SERVICE.show_function_config(ShowFunctionConfigRequest(function_urn=urn("versioned", "!prod")))
    assert shown.version == "v1", shown
    refused(403, "FSS.1094", SERVICE.delete_function, DeleteFunctionRequest(function_urn=urn("versioned", "v2")))
    body = UpdateVersionAliasRequestBody(version="v2", description="moved")
    request = UpdateVersionAliasRequest(function_urn=urn("versioned"), alias_name="prod", body=body)
    assert SERVICE.update_version_alias(request).version == "v2"
    request = ShowVersionAliasRequest(function_urn=urn("versioned"), alias_name="prod")
    shown = SERVICE.show_version_alias(request)
    assert (shown.version, shown.description, shown.additional_version_weights) == ("v2", "moved", None), shown
    listed = SERVICE.list_version_aliases(ListVersionAliasesRequest(function_urn=urn("versioned")))
    assert [alias.name for alias in listed.body] == ["prod"], listed
    SERVICE.delete_version_alias(DeleteVersionAliasRequest(function_urn=urn("versioned"), alias_name="prod"))
    refused(404, "FSS.1053", SERVICE.show_version_alias, request)
    SERVICE.delete_function(DeleteFunctionRequest(function_urn=urn("versioned", "v1")))
    refused(404, "FSS.1052", SERVICE.delete_function, DeleteFunctionRequest(function_urn=urn("versioned", "v1")))


def test_instances_are_limited_and_reserved():
    create("scaled")
    limit = UpdateFunctionMaxInstanceConfigRequestBody(max_instance_num=7)
    SERVICE.update_function_max_instance_config(
        UpdateFunctionMaxInstanceConfigRequest(function_urn=urn("scaled"), body=limit))
    shown = SERVICE.show_function_config(ShowFunctionConfigRequest(function_urn=urn("scaled")))
    assert shown.strategy_config.concurrency == 7, shown
    schedule = CronConfig(name="mornings", cron="0 0 8 * * ?", count=3, start_time=1, expired_time=90000)
    body = UpdateFunctionReservedInstancesCountRequestBody(
        count=2, idle_mode=True, tactics_config=TacticsConfig(cron_configs=[schedule]))
    SERVICE.update_function_reserved_instances_count(
        UpdateFunctionReservedInstancesCountRequest(function_urn=urn("scaled", "latest"), body=body))
    found = SERVICE.list_reserved_instance_configs(ListReservedInstanceConfigsRequest(function_urn=urn("scaled")))
    assert [one.min_count for one in found.reserved_instances] == [2], found
    assert found.reserved_instances[0].tactics_config.cron_configs[0].count == 3, found


def test_dependencies_are_uploaded_listed_and_deleted():
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("shared.py", "VALUE = 1")
    body = CreateDependencyRequestBody(
        name="shared", runtime="Python3.9", depend_type="zip",
        depend_file=base64.b64encode(package.getvalue()).decode(), description="of the SDK")
    made = SERVICE.create_dependency_version(CreateDependencyVersionRequest(body=body))
    assert (made.version, made.name) == (1, "shared"), made
    listed = SERVICE.list_dependencies(ListDependenciesRequest(name="shared", runtime="Python3.9"))
    assert [one.id for one in listed.dependencies] == [made.dep_id], listed
    versions = SERVICE.list_dependency_version(ListDependencyVersionRequest(depend_id=made.dep_id))
    assert [one.id for one in versions.dependencies] == [made.id], versions
    shown = SERVICE.show_dependency_version(ShowDependencyVersionRequest(depend_id=made.dep_id, version="1"))
    assert shown.description == "of the SDK", shown
    source = "import shared\ndef handler(event, context):\n    return shared.VALUE\n"
    create("dependent", source, depend_version_list=[made.id])
    request = InvokeFunctionRequest(function_urn=urn("dependent"), x_cff_request_version="v1", body={})
    answer = SERVICE.invoke_function(request)
    assert json.loads(answer.result) == 1, answer
    version = DeleteDependencyVersionRequest(depend_id=made.dep_id, version="1")
    refused(412, "FSS.1033", SERVICE.delete_dependency_version, version)
    SERVICE.delete_function(DeleteFunctionRequest(function_urn=urn("dependent")))
    SERVICE.delete_dependency_version(version)


def test_a_function_is_invoked():
    create("invoked")
    request = InvokeFunctionRequest(
        function_urn=urn("invoked"), x_cff_request_version="v1", x_cff_log_type="tail", body={"key": {"a": "b"}})
    answer = SERVICE.invoke_function(request)
    assert answer.status == 200 and json.loads(answer.result) == {"echo": {"key": {"a": "b"}}}, answer
    assert answer.x_cff_request_id and answer.request_id, answer
    missing = InvokeFunctionRequest(function_urn=urn("missing"), body={})
    refused(404, "FSS.0404", SERVICE.invoke_function, missing)


def test_asynchronous_invocations_are_accepted_and_listed():
    SERVICE.enable_async_status_log(EnableAsyncStatusLogRequest())
    for name, source, status, error_code in [("good", SOURCE, "SUCCESS", 0), ("bad", FAILING, "FAIL", 4002)]:
        create(name, source)
        body = UpdateFunctionAsyncInvokeConfigRequestBody(max_async_retry_attempts=0, enable_async_status_log=True)
        request = UpdateFunctionAsyncInvokeConfigRequest(function_urn=urn(name), body=body)
        SERVICE.update_function_async_invoke_config(request)
        accepted = SERVICE.async_invoke_function(AsyncInvokeFunctionRequest(function_urn=urn(name), body={"key": {}}))
        assert accepted.status_code == 202 and uuid.UUID(accepted.request_id), accepted

        def ended(wanted=ListAsyncInvocationsRequest(function_urn=urn(name), request_id=accepted.request_id)):
            found = SERVICE.list_async_invocations(wanted).invocations
            return [one for one in found if one.status not in ("WAIT", "RUNNING")]

        [record] = eventually(ended)
        assert (record.request_id, record.status, record.error_code) == (accepted.request_id, status, error_code)
        assert record.start_time and record.end_time, record
    missing = AsyncInvokeFunctionRequest(function_urn=urn("missing"), body={})
    refused(404, "FSS.0404", SERVICE.async_invoke_function, missing)


def test_errors_say_what_is_wrong():
    create("taken")
    refused(409, "FSS.1061", lambda _: create("taken"), "a name that is taken")
    refused(400, "FSS.1002", lambda _: create("1st"), "a name that is none")
    refused(400, "FSS.0400", SERVICE.delete_function, DeleteFunctionRequest(function_urn=urn("taken", "latest")))
    elsewhere = urn("taken").replace(f":{REGION}:", ":af-south-1:")
    refused(400, "FSS.1309", SERVICE.show_function_config, ShowFunctionConfigRequest(function_urn=elsewhere))


def test_a_wrong_secret_key_gets_nowhere():
    wrong = client("not-the-secret-key")
    refused(401, "APIGW.0301", wrong.list_functions, ListFunctionsRequest())
    refused(401, "APIGW.0301", wrong.delete_function, DeleteFunctionRequest(function_urn=urn("taken")))
    assert SERVICE.show_function_config(ShowFunctionConfigRequest(function_urn=urn("taken"))).func_name == "taken"


if __name__ == "__main__":
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
            print(name, flush=True)
