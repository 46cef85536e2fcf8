exports.handler = async (event, context) => {
    console.log('hook of', context.getFunctionName());
    return { statusCode: 200, isBase64Encoded: false, headers: {}, body: JSON.stringify(event) };
};
exports.initializer = (context, callback) => callback(null);
exports.stop = (context, callback) => callback(null);
