<?php
function handler($event, $context) {
    return array("statusCode" => 200, "body" => "hello");
}
