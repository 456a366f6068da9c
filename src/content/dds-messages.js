import { decodeMessage, encodeMessage, enumeration, MaxLengthError, message, streamMessage } from 'protons-runtime';
import { alloc as uint8ArrayAlloc } from 'uint8arrays/alloc';
export var ObjectNote;
(function (ObjectNote) {
    let _codec;
    ObjectNote.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.manifestCid != null && obj.manifestCid.byteLength > 0)) {
                    w.uint32(10);
                    w.bytes(obj.manifestCid);
                }
                if ((obj.publisher != null && obj.publisher.byteLength > 0)) {
                    w.uint32(18);
                    w.bytes(obj.publisher);
                }
                if ((obj.copies != null && obj.copies !== 0)) {
                    w.uint32(24);
                    w.uint32(obj.copies);
                }
                if ((obj.k != null && obj.k !== 0)) {
                    w.uint32(32);
                    w.uint32(obj.k);
                }
                if ((obj.m != null && obj.m !== 0)) {
                    w.uint32(40);
                    w.uint32(obj.m);
                }
                if ((obj.sizeBytes != null && obj.sizeBytes !== 0n)) {
                    w.uint32(48);
                    w.uint64(obj.sizeBytes);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    manifestCid: uint8ArrayAlloc(0),
                    publisher: uint8ArrayAlloc(0),
                    copies: 0,
                    k: 0,
                    m: 0,
                    sizeBytes: 0n
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.manifestCid = reader.bytes();
                            break;
                        }
                        case 2: {
                            obj.publisher = reader.bytes();
                            break;
                        }
                        case 3: {
                            obj.copies = reader.uint32();
                            break;
                        }
                        case 4: {
                            obj.k = reader.uint32();
                            break;
                        }
                        case 5: {
                            obj.m = reader.uint32();
                            break;
                        }
                        case 6: {
                            obj.sizeBytes = reader.uint64();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.manifestCid`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.publisher`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.copies`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 4: {
                            yield {
                                field: `${prefix}.k`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 5: {
                            yield {
                                field: `${prefix}.m`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 6: {
                            yield {
                                field: `${prefix}.sizeBytes`,
                                value: reader.uint64()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, ObjectNote.codec());
    }
    ObjectNote.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, ObjectNote.codec(), opts);
    }
    ObjectNote.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, ObjectNote.codec(), opts);
    }
    ObjectNote.stream = stream;
})(ObjectNote || (ObjectNote = {}));
export var DdsRequest;
(function (DdsRequest) {
    let _codec;
    DdsRequest.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                obj = { ...obj };
                if (obj.challenge != null) {
                    obj.corruptionNotice = undefined;
                    obj.have = undefined;
                    obj.replicationInstruction = undefined;
                    obj.retrieveChunk = undefined;
                    obj.storeChunk = undefined;
                }
                if (obj.corruptionNotice != null) {
                    obj.challenge = undefined;
                    obj.have = undefined;
                    obj.replicationInstruction = undefined;
                    obj.retrieveChunk = undefined;
                    obj.storeChunk = undefined;
                }
                if (obj.have != null) {
                    obj.challenge = undefined;
                    obj.corruptionNotice = undefined;
                    obj.replicationInstruction = undefined;
                    obj.retrieveChunk = undefined;
                    obj.storeChunk = undefined;
                }
                if (obj.replicationInstruction != null) {
                    obj.challenge = undefined;
                    obj.corruptionNotice = undefined;
                    obj.have = undefined;
                    obj.retrieveChunk = undefined;
                    obj.storeChunk = undefined;
                }
                if (obj.retrieveChunk != null) {
                    obj.challenge = undefined;
                    obj.corruptionNotice = undefined;
                    obj.have = undefined;
                    obj.replicationInstruction = undefined;
                    obj.storeChunk = undefined;
                }
                if (obj.storeChunk != null) {
                    obj.challenge = undefined;
                    obj.corruptionNotice = undefined;
                    obj.have = undefined;
                    obj.replicationInstruction = undefined;
                    obj.retrieveChunk = undefined;
                }
                if (obj.storeChunk != null) {
                    w.uint32(10);
                    StoreChunkRequest.codec().encode(obj.storeChunk, w);
                }
                if (obj.retrieveChunk != null) {
                    w.uint32(18);
                    RetrieveChunkRequest.codec().encode(obj.retrieveChunk, w);
                }
                if (obj.replicationInstruction != null) {
                    w.uint32(26);
                    ReplicationInstruction.codec().encode(obj.replicationInstruction, w);
                }
                if (obj.have != null) {
                    w.uint32(34);
                    HaveRequest.codec().encode(obj.have, w);
                }
                if (obj.corruptionNotice != null) {
                    w.uint32(42);
                    CorruptionNotice.codec().encode(obj.corruptionNotice, w);
                }
                if (obj.challenge != null) {
                    w.uint32(50);
                    ChallengeRequest.codec().encode(obj.challenge, w);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {};
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.storeChunk = StoreChunkRequest.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.storeChunk
                            });
                            break;
                        }
                        case 2: {
                            obj.retrieveChunk = RetrieveChunkRequest.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.retrieveChunk
                            });
                            break;
                        }
                        case 3: {
                            obj.replicationInstruction = ReplicationInstruction.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.replicationInstruction
                            });
                            break;
                        }
                        case 4: {
                            obj.have = HaveRequest.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.have
                            });
                            break;
                        }
                        case 5: {
                            obj.corruptionNotice = CorruptionNotice.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.corruptionNotice
                            });
                            break;
                        }
                        case 6: {
                            obj.challenge = ChallengeRequest.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.challenge
                            });
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                if (obj.challenge != null) {
                    delete obj.corruptionNotice;
                    delete obj.have;
                    delete obj.replicationInstruction;
                    delete obj.retrieveChunk;
                    delete obj.storeChunk;
                }
                if (obj.corruptionNotice != null) {
                    delete obj.challenge;
                    delete obj.have;
                    delete obj.replicationInstruction;
                    delete obj.retrieveChunk;
                    delete obj.storeChunk;
                }
                if (obj.have != null) {
                    delete obj.challenge;
                    delete obj.corruptionNotice;
                    delete obj.replicationInstruction;
                    delete obj.retrieveChunk;
                    delete obj.storeChunk;
                }
                if (obj.replicationInstruction != null) {
                    delete obj.challenge;
                    delete obj.corruptionNotice;
                    delete obj.have;
                    delete obj.retrieveChunk;
                    delete obj.storeChunk;
                }
                if (obj.retrieveChunk != null) {
                    delete obj.challenge;
                    delete obj.corruptionNotice;
                    delete obj.have;
                    delete obj.replicationInstruction;
                    delete obj.storeChunk;
                }
                if (obj.storeChunk != null) {
                    delete obj.challenge;
                    delete obj.corruptionNotice;
                    delete obj.have;
                    delete obj.replicationInstruction;
                    delete obj.retrieveChunk;
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield* StoreChunkRequest.codec().stream(reader, reader.uint32(), `${prefix}.storeChunk`, {
                                limits: opts.limits?.storeChunk
                            });
                            break;
                        }
                        case 2: {
                            yield* RetrieveChunkRequest.codec().stream(reader, reader.uint32(), `${prefix}.retrieveChunk`, {
                                limits: opts.limits?.retrieveChunk
                            });
                            break;
                        }
                        case 3: {
                            yield* ReplicationInstruction.codec().stream(reader, reader.uint32(), `${prefix}.replicationInstruction`, {
                                limits: opts.limits?.replicationInstruction
                            });
                            break;
                        }
                        case 4: {
                            yield* HaveRequest.codec().stream(reader, reader.uint32(), `${prefix}.have`, {
                                limits: opts.limits?.have
                            });
                            break;
                        }
                        case 5: {
                            yield* CorruptionNotice.codec().stream(reader, reader.uint32(), `${prefix}.corruptionNotice`, {
                                limits: opts.limits?.corruptionNotice
                            });
                            break;
                        }
                        case 6: {
                            yield* ChallengeRequest.codec().stream(reader, reader.uint32(), `${prefix}.challenge`, {
                                limits: opts.limits?.challenge
                            });
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, DdsRequest.codec());
    }
    DdsRequest.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, DdsRequest.codec(), opts);
    }
    DdsRequest.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, DdsRequest.codec(), opts);
    }
    DdsRequest.stream = stream;
})(DdsRequest || (DdsRequest = {}));
export var DdsResponse;
(function (DdsResponse) {
    let _codec;
    DdsResponse.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                obj = { ...obj };
                if (obj.challenge != null) {
                    obj.corruption = undefined;
                    obj.have = undefined;
                    obj.replication = undefined;
                    obj.retrieveChunk = undefined;
                    obj.storeChunk = undefined;
                }
                if (obj.corruption != null) {
                    obj.challenge = undefined;
                    obj.have = undefined;
                    obj.replication = undefined;
                    obj.retrieveChunk = undefined;
                    obj.storeChunk = undefined;
                }
                if (obj.have != null) {
                    obj.challenge = undefined;
                    obj.corruption = undefined;
                    obj.replication = undefined;
                    obj.retrieveChunk = undefined;
                    obj.storeChunk = undefined;
                }
                if (obj.replication != null) {
                    obj.challenge = undefined;
                    obj.corruption = undefined;
                    obj.have = undefined;
                    obj.retrieveChunk = undefined;
                    obj.storeChunk = undefined;
                }
                if (obj.retrieveChunk != null) {
                    obj.challenge = undefined;
                    obj.corruption = undefined;
                    obj.have = undefined;
                    obj.replication = undefined;
                    obj.storeChunk = undefined;
                }
                if (obj.storeChunk != null) {
                    obj.challenge = undefined;
                    obj.corruption = undefined;
                    obj.have = undefined;
                    obj.replication = undefined;
                    obj.retrieveChunk = undefined;
                }
                if (obj.storeChunk != null) {
                    w.uint32(10);
                    StoreChunkResponse.codec().encode(obj.storeChunk, w);
                }
                if (obj.retrieveChunk != null) {
                    w.uint32(18);
                    RetrieveChunkResponse.codec().encode(obj.retrieveChunk, w);
                }
                if (obj.replication != null) {
                    w.uint32(26);
                    ReplicationResponse.codec().encode(obj.replication, w);
                }
                if (obj.have != null) {
                    w.uint32(34);
                    HaveResponse.codec().encode(obj.have, w);
                }
                if (obj.corruption != null) {
                    w.uint32(42);
                    CorruptionResponse.codec().encode(obj.corruption, w);
                }
                if (obj.challenge != null) {
                    w.uint32(50);
                    ChallengeResponse.codec().encode(obj.challenge, w);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {};
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.storeChunk = StoreChunkResponse.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.storeChunk
                            });
                            break;
                        }
                        case 2: {
                            obj.retrieveChunk = RetrieveChunkResponse.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.retrieveChunk
                            });
                            break;
                        }
                        case 3: {
                            obj.replication = ReplicationResponse.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.replication
                            });
                            break;
                        }
                        case 4: {
                            obj.have = HaveResponse.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.have
                            });
                            break;
                        }
                        case 5: {
                            obj.corruption = CorruptionResponse.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.corruption
                            });
                            break;
                        }
                        case 6: {
                            obj.challenge = ChallengeResponse.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.challenge
                            });
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                if (obj.challenge != null) {
                    delete obj.corruption;
                    delete obj.have;
                    delete obj.replication;
                    delete obj.retrieveChunk;
                    delete obj.storeChunk;
                }
                if (obj.corruption != null) {
                    delete obj.challenge;
                    delete obj.have;
                    delete obj.replication;
                    delete obj.retrieveChunk;
                    delete obj.storeChunk;
                }
                if (obj.have != null) {
                    delete obj.challenge;
                    delete obj.corruption;
                    delete obj.replication;
                    delete obj.retrieveChunk;
                    delete obj.storeChunk;
                }
                if (obj.replication != null) {
                    delete obj.challenge;
                    delete obj.corruption;
                    delete obj.have;
                    delete obj.retrieveChunk;
                    delete obj.storeChunk;
                }
                if (obj.retrieveChunk != null) {
                    delete obj.challenge;
                    delete obj.corruption;
                    delete obj.have;
                    delete obj.replication;
                    delete obj.storeChunk;
                }
                if (obj.storeChunk != null) {
                    delete obj.challenge;
                    delete obj.corruption;
                    delete obj.have;
                    delete obj.replication;
                    delete obj.retrieveChunk;
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield* StoreChunkResponse.codec().stream(reader, reader.uint32(), `${prefix}.storeChunk`, {
                                limits: opts.limits?.storeChunk
                            });
                            break;
                        }
                        case 2: {
                            yield* RetrieveChunkResponse.codec().stream(reader, reader.uint32(), `${prefix}.retrieveChunk`, {
                                limits: opts.limits?.retrieveChunk
                            });
                            break;
                        }
                        case 3: {
                            yield* ReplicationResponse.codec().stream(reader, reader.uint32(), `${prefix}.replication`, {
                                limits: opts.limits?.replication
                            });
                            break;
                        }
                        case 4: {
                            yield* HaveResponse.codec().stream(reader, reader.uint32(), `${prefix}.have`, {
                                limits: opts.limits?.have
                            });
                            break;
                        }
                        case 5: {
                            yield* CorruptionResponse.codec().stream(reader, reader.uint32(), `${prefix}.corruption`, {
                                limits: opts.limits?.corruption
                            });
                            break;
                        }
                        case 6: {
                            yield* ChallengeResponse.codec().stream(reader, reader.uint32(), `${prefix}.challenge`, {
                                limits: opts.limits?.challenge
                            });
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, DdsResponse.codec());
    }
    DdsResponse.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, DdsResponse.codec(), opts);
    }
    DdsResponse.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, DdsResponse.codec(), opts);
    }
    DdsResponse.stream = stream;
})(DdsResponse || (DdsResponse = {}));
export var StoreChunkRequest;
(function (StoreChunkRequest) {
    let _codec;
    StoreChunkRequest.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.chunkCid != null && obj.chunkCid.byteLength > 0)) {
                    w.uint32(10);
                    w.bytes(obj.chunkCid);
                }
                if ((obj.sizeBytes != null && obj.sizeBytes !== 0)) {
                    w.uint32(16);
                    w.uint32(obj.sizeBytes);
                }
                if (obj.object != null) {
                    w.uint32(26);
                    ObjectNote.codec().encode(obj.object, w);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    chunkCid: uint8ArrayAlloc(0),
                    sizeBytes: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.chunkCid = reader.bytes();
                            break;
                        }
                        case 2: {
                            obj.sizeBytes = reader.uint32();
                            break;
                        }
                        case 3: {
                            obj.object = ObjectNote.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.object
                            });
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.chunkCid`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.sizeBytes`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 3: {
                            yield* ObjectNote.codec().stream(reader, reader.uint32(), `${prefix}.object`, {
                                limits: opts.limits?.object
                            });
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, StoreChunkRequest.codec());
    }
    StoreChunkRequest.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, StoreChunkRequest.codec(), opts);
    }
    StoreChunkRequest.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, StoreChunkRequest.codec(), opts);
    }
    StoreChunkRequest.stream = stream;
})(StoreChunkRequest || (StoreChunkRequest = {}));
export var StoreChunkCode;
(function (StoreChunkCode) {
    StoreChunkCode["STORE_UNKNOWN"] = "STORE_UNKNOWN";
    StoreChunkCode["STORE_OK"] = "STORE_OK";
    StoreChunkCode["STORE_REFUSED_QUOTA"] = "STORE_REFUSED_QUOTA";
    StoreChunkCode["STORE_INVALID_CID"] = "STORE_INVALID_CID";
    StoreChunkCode["STORE_TOO_LARGE"] = "STORE_TOO_LARGE";
    StoreChunkCode["STORE_UNAUTHORISED"] = "STORE_UNAUTHORISED";
})(StoreChunkCode || (StoreChunkCode = {}));
var __StoreChunkCodeValues;
(function (__StoreChunkCodeValues) {
    __StoreChunkCodeValues[__StoreChunkCodeValues["STORE_UNKNOWN"] = 0] = "STORE_UNKNOWN";
    __StoreChunkCodeValues[__StoreChunkCodeValues["STORE_OK"] = 1] = "STORE_OK";
    __StoreChunkCodeValues[__StoreChunkCodeValues["STORE_REFUSED_QUOTA"] = 2] = "STORE_REFUSED_QUOTA";
    __StoreChunkCodeValues[__StoreChunkCodeValues["STORE_INVALID_CID"] = 3] = "STORE_INVALID_CID";
    __StoreChunkCodeValues[__StoreChunkCodeValues["STORE_TOO_LARGE"] = 4] = "STORE_TOO_LARGE";
    __StoreChunkCodeValues[__StoreChunkCodeValues["STORE_UNAUTHORISED"] = 5] = "STORE_UNAUTHORISED";
})(__StoreChunkCodeValues || (__StoreChunkCodeValues = {}));
(function (StoreChunkCode) {
    StoreChunkCode.codec = () => {
        return enumeration(__StoreChunkCodeValues);
    };
})(StoreChunkCode || (StoreChunkCode = {}));
export var StoreChunkResponse;
(function (StoreChunkResponse) {
    let _codec;
    StoreChunkResponse.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if (obj.code != null && __StoreChunkCodeValues[obj.code] !== 0) {
                    w.uint32(8);
                    StoreChunkCode.codec().encode(obj.code, w);
                }
                if ((obj.chunkCid != null && obj.chunkCid.byteLength > 0)) {
                    w.uint32(18);
                    w.bytes(obj.chunkCid);
                }
                if ((obj.alreadyHeld != null && obj.alreadyHeld !== false)) {
                    w.uint32(24);
                    w.bool(obj.alreadyHeld);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    code: StoreChunkCode.STORE_UNKNOWN,
                    chunkCid: uint8ArrayAlloc(0),
                    alreadyHeld: false
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.code = StoreChunkCode.codec().decode(reader);
                            break;
                        }
                        case 2: {
                            obj.chunkCid = reader.bytes();
                            break;
                        }
                        case 3: {
                            obj.alreadyHeld = reader.bool();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.code`,
                                value: StoreChunkCode.codec().decode(reader)
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.chunkCid`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.alreadyHeld`,
                                value: reader.bool()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, StoreChunkResponse.codec());
    }
    StoreChunkResponse.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, StoreChunkResponse.codec(), opts);
    }
    StoreChunkResponse.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, StoreChunkResponse.codec(), opts);
    }
    StoreChunkResponse.stream = stream;
})(StoreChunkResponse || (StoreChunkResponse = {}));
export var RetrieveChunkRequest;
(function (RetrieveChunkRequest) {
    let _codec;
    RetrieveChunkRequest.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.chunkCid != null && obj.chunkCid.byteLength > 0)) {
                    w.uint32(10);
                    w.bytes(obj.chunkCid);
                }
                if ((obj.offset != null && obj.offset !== 0)) {
                    w.uint32(16);
                    w.uint32(obj.offset);
                }
                if ((obj.length != null && obj.length !== 0)) {
                    w.uint32(24);
                    w.uint32(obj.length);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    chunkCid: uint8ArrayAlloc(0),
                    offset: 0,
                    length: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.chunkCid = reader.bytes();
                            break;
                        }
                        case 2: {
                            obj.offset = reader.uint32();
                            break;
                        }
                        case 3: {
                            obj.length = reader.uint32();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.chunkCid`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.offset`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.length`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, RetrieveChunkRequest.codec());
    }
    RetrieveChunkRequest.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, RetrieveChunkRequest.codec(), opts);
    }
    RetrieveChunkRequest.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, RetrieveChunkRequest.codec(), opts);
    }
    RetrieveChunkRequest.stream = stream;
})(RetrieveChunkRequest || (RetrieveChunkRequest = {}));
export var RetrieveChunkCode;
(function (RetrieveChunkCode) {
    RetrieveChunkCode["RETRIEVE_UNKNOWN"] = "RETRIEVE_UNKNOWN";
    RetrieveChunkCode["RETRIEVE_OK"] = "RETRIEVE_OK";
    RetrieveChunkCode["RETRIEVE_NOT_FOUND"] = "RETRIEVE_NOT_FOUND";
    RetrieveChunkCode["RETRIEVE_BUSY"] = "RETRIEVE_BUSY";
    RetrieveChunkCode["RETRIEVE_UNAUTHORISED"] = "RETRIEVE_UNAUTHORISED";
    RetrieveChunkCode["RETRIEVE_INVALID_RANGE"] = "RETRIEVE_INVALID_RANGE";
    RetrieveChunkCode["RETRIEVE_DAMAGED"] = "RETRIEVE_DAMAGED";
})(RetrieveChunkCode || (RetrieveChunkCode = {}));
var __RetrieveChunkCodeValues;
(function (__RetrieveChunkCodeValues) {
    __RetrieveChunkCodeValues[__RetrieveChunkCodeValues["RETRIEVE_UNKNOWN"] = 0] = "RETRIEVE_UNKNOWN";
    __RetrieveChunkCodeValues[__RetrieveChunkCodeValues["RETRIEVE_OK"] = 1] = "RETRIEVE_OK";
    __RetrieveChunkCodeValues[__RetrieveChunkCodeValues["RETRIEVE_NOT_FOUND"] = 2] = "RETRIEVE_NOT_FOUND";
    __RetrieveChunkCodeValues[__RetrieveChunkCodeValues["RETRIEVE_BUSY"] = 3] = "RETRIEVE_BUSY";
    __RetrieveChunkCodeValues[__RetrieveChunkCodeValues["RETRIEVE_UNAUTHORISED"] = 4] = "RETRIEVE_UNAUTHORISED";
    __RetrieveChunkCodeValues[__RetrieveChunkCodeValues["RETRIEVE_INVALID_RANGE"] = 5] = "RETRIEVE_INVALID_RANGE";
    __RetrieveChunkCodeValues[__RetrieveChunkCodeValues["RETRIEVE_DAMAGED"] = 6] = "RETRIEVE_DAMAGED";
})(__RetrieveChunkCodeValues || (__RetrieveChunkCodeValues = {}));
(function (RetrieveChunkCode) {
    RetrieveChunkCode.codec = () => {
        return enumeration(__RetrieveChunkCodeValues);
    };
})(RetrieveChunkCode || (RetrieveChunkCode = {}));
export var RetrieveChunkResponse;
(function (RetrieveChunkResponse) {
    let _codec;
    RetrieveChunkResponse.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if (obj.code != null && __RetrieveChunkCodeValues[obj.code] !== 0) {
                    w.uint32(8);
                    RetrieveChunkCode.codec().encode(obj.code, w);
                }
                if ((obj.totalSizeBytes != null && obj.totalSizeBytes !== 0)) {
                    w.uint32(16);
                    w.uint32(obj.totalSizeBytes);
                }
                if ((obj.offset != null && obj.offset !== 0)) {
                    w.uint32(24);
                    w.uint32(obj.offset);
                }
                if ((obj.length != null && obj.length !== 0)) {
                    w.uint32(32);
                    w.uint32(obj.length);
                }
                if ((obj.retryAfterMs != null && obj.retryAfterMs !== 0)) {
                    w.uint32(40);
                    w.uint32(obj.retryAfterMs);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    code: RetrieveChunkCode.RETRIEVE_UNKNOWN,
                    totalSizeBytes: 0,
                    offset: 0,
                    length: 0,
                    retryAfterMs: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.code = RetrieveChunkCode.codec().decode(reader);
                            break;
                        }
                        case 2: {
                            obj.totalSizeBytes = reader.uint32();
                            break;
                        }
                        case 3: {
                            obj.offset = reader.uint32();
                            break;
                        }
                        case 4: {
                            obj.length = reader.uint32();
                            break;
                        }
                        case 5: {
                            obj.retryAfterMs = reader.uint32();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.code`,
                                value: RetrieveChunkCode.codec().decode(reader)
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.totalSizeBytes`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.offset`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 4: {
                            yield {
                                field: `${prefix}.length`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 5: {
                            yield {
                                field: `${prefix}.retryAfterMs`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, RetrieveChunkResponse.codec());
    }
    RetrieveChunkResponse.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, RetrieveChunkResponse.codec(), opts);
    }
    RetrieveChunkResponse.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, RetrieveChunkResponse.codec(), opts);
    }
    RetrieveChunkResponse.stream = stream;
})(RetrieveChunkResponse || (RetrieveChunkResponse = {}));
export var ReplicationInstruction;
(function (ReplicationInstruction) {
    let _codec;
    ReplicationInstruction.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if (obj.chunkCids != null && obj.chunkCids.length > 0) {
                    for (const value of obj.chunkCids) {
                        w.uint32(10);
                        w.bytes(value);
                    }
                }
                if (obj.object != null) {
                    w.uint32(18);
                    ObjectNote.codec().encode(obj.object, w);
                }
                if (obj.sourceHints != null && obj.sourceHints.length > 0) {
                    for (const value of obj.sourceHints) {
                        w.uint32(26);
                        w.bytes(value);
                    }
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    chunkCids: [],
                    sourceHints: []
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            if (opts.limits?.chunkCids != null && obj.chunkCids.length === opts.limits.chunkCids) {
                                throw new MaxLengthError('Decode error - repeated field "chunkCids" had too many elements');
                            }
                            obj.chunkCids.push(reader.bytes());
                            break;
                        }
                        case 2: {
                            obj.object = ObjectNote.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.object
                            });
                            break;
                        }
                        case 3: {
                            if (opts.limits?.sourceHints != null && obj.sourceHints.length === opts.limits.sourceHints) {
                                throw new MaxLengthError('Decode error - repeated field "sourceHints" had too many elements');
                            }
                            obj.sourceHints.push(reader.bytes());
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const obj = {
                    chunkCids: 0,
                    sourceHints: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            if (opts.limits?.chunkCids != null && obj.chunkCids === opts.limits.chunkCids) {
                                throw new MaxLengthError('Streaming decode error - repeated field "chunkCids" had too many elements');
                            }
                            yield {
                                field: `${prefix}.chunkCids[]`,
                                index: obj.chunkCids,
                                value: reader.bytes()
                            };
                            obj.chunkCids++;
                            break;
                        }
                        case 2: {
                            yield* ObjectNote.codec().stream(reader, reader.uint32(), `${prefix}.object`, {
                                limits: opts.limits?.object
                            });
                            break;
                        }
                        case 3: {
                            if (opts.limits?.sourceHints != null && obj.sourceHints === opts.limits.sourceHints) {
                                throw new MaxLengthError('Streaming decode error - repeated field "sourceHints" had too many elements');
                            }
                            yield {
                                field: `${prefix}.sourceHints[]`,
                                index: obj.sourceHints,
                                value: reader.bytes()
                            };
                            obj.sourceHints++;
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, ReplicationInstruction.codec());
    }
    ReplicationInstruction.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, ReplicationInstruction.codec(), opts);
    }
    ReplicationInstruction.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, ReplicationInstruction.codec(), opts);
    }
    ReplicationInstruction.stream = stream;
})(ReplicationInstruction || (ReplicationInstruction = {}));
export var ReplicationCode;
(function (ReplicationCode) {
    ReplicationCode["REPLICATION_UNKNOWN"] = "REPLICATION_UNKNOWN";
    ReplicationCode["REPLICATION_ACCEPTED"] = "REPLICATION_ACCEPTED";
    ReplicationCode["REPLICATION_ALREADY_HELD"] = "REPLICATION_ALREADY_HELD";
    ReplicationCode["REPLICATION_REFUSED"] = "REPLICATION_REFUSED";
})(ReplicationCode || (ReplicationCode = {}));
var __ReplicationCodeValues;
(function (__ReplicationCodeValues) {
    __ReplicationCodeValues[__ReplicationCodeValues["REPLICATION_UNKNOWN"] = 0] = "REPLICATION_UNKNOWN";
    __ReplicationCodeValues[__ReplicationCodeValues["REPLICATION_ACCEPTED"] = 1] = "REPLICATION_ACCEPTED";
    __ReplicationCodeValues[__ReplicationCodeValues["REPLICATION_ALREADY_HELD"] = 2] = "REPLICATION_ALREADY_HELD";
    __ReplicationCodeValues[__ReplicationCodeValues["REPLICATION_REFUSED"] = 3] = "REPLICATION_REFUSED";
})(__ReplicationCodeValues || (__ReplicationCodeValues = {}));
(function (ReplicationCode) {
    ReplicationCode.codec = () => {
        return enumeration(__ReplicationCodeValues);
    };
})(ReplicationCode || (ReplicationCode = {}));
export var ReplicationResponse;
(function (ReplicationResponse) {
    let _codec;
    ReplicationResponse.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if (obj.code != null && __ReplicationCodeValues[obj.code] !== 0) {
                    w.uint32(8);
                    ReplicationCode.codec().encode(obj.code, w);
                }
                if ((obj.chunkCid != null && obj.chunkCid.byteLength > 0)) {
                    w.uint32(18);
                    w.bytes(obj.chunkCid);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    code: ReplicationCode.REPLICATION_UNKNOWN,
                    chunkCid: uint8ArrayAlloc(0)
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.code = ReplicationCode.codec().decode(reader);
                            break;
                        }
                        case 2: {
                            obj.chunkCid = reader.bytes();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.code`,
                                value: ReplicationCode.codec().decode(reader)
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.chunkCid`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, ReplicationResponse.codec());
    }
    ReplicationResponse.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, ReplicationResponse.codec(), opts);
    }
    ReplicationResponse.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, ReplicationResponse.codec(), opts);
    }
    ReplicationResponse.stream = stream;
})(ReplicationResponse || (ReplicationResponse = {}));
export var HaveRequest;
(function (HaveRequest) {
    let _codec;
    HaveRequest.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if (obj.chunkCids != null && obj.chunkCids.length > 0) {
                    for (const value of obj.chunkCids) {
                        w.uint32(10);
                        w.bytes(value);
                    }
                }
                if (obj.keepFor != null) {
                    w.uint32(18);
                    ObjectNote.codec().encode(obj.keepFor, w);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    chunkCids: []
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            if (opts.limits?.chunkCids != null && obj.chunkCids.length === opts.limits.chunkCids) {
                                throw new MaxLengthError('Decode error - repeated field "chunkCids" had too many elements');
                            }
                            obj.chunkCids.push(reader.bytes());
                            break;
                        }
                        case 2: {
                            obj.keepFor = ObjectNote.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.keepFor
                            });
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const obj = {
                    chunkCids: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            if (opts.limits?.chunkCids != null && obj.chunkCids === opts.limits.chunkCids) {
                                throw new MaxLengthError('Streaming decode error - repeated field "chunkCids" had too many elements');
                            }
                            yield {
                                field: `${prefix}.chunkCids[]`,
                                index: obj.chunkCids,
                                value: reader.bytes()
                            };
                            obj.chunkCids++;
                            break;
                        }
                        case 2: {
                            yield* ObjectNote.codec().stream(reader, reader.uint32(), `${prefix}.keepFor`, {
                                limits: opts.limits?.keepFor
                            });
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, HaveRequest.codec());
    }
    HaveRequest.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, HaveRequest.codec(), opts);
    }
    HaveRequest.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, HaveRequest.codec(), opts);
    }
    HaveRequest.stream = stream;
})(HaveRequest || (HaveRequest = {}));
export var HaveResponse;
(function (HaveResponse) {
    let _codec;
    HaveResponse.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.held != null && obj.held.byteLength > 0)) {
                    w.uint32(10);
                    w.bytes(obj.held);
                }
                if ((obj.kept != null && obj.kept.byteLength > 0)) {
                    w.uint32(18);
                    w.bytes(obj.kept);
                }
                if (obj.knownHolders != null && obj.knownHolders.length > 0) {
                    for (const value of obj.knownHolders) {
                        w.uint32(26);
                        w.bytes(value);
                    }
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    held: uint8ArrayAlloc(0),
                    kept: uint8ArrayAlloc(0),
                    knownHolders: []
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.held = reader.bytes();
                            break;
                        }
                        case 2: {
                            obj.kept = reader.bytes();
                            break;
                        }
                        case 3: {
                            if (opts.limits?.knownHolders != null && obj.knownHolders.length === opts.limits.knownHolders) {
                                throw new MaxLengthError('Decode error - repeated field "knownHolders" had too many elements');
                            }
                            obj.knownHolders.push(reader.bytes());
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const obj = {
                    knownHolders: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.held`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.kept`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 3: {
                            if (opts.limits?.knownHolders != null && obj.knownHolders === opts.limits.knownHolders) {
                                throw new MaxLengthError('Streaming decode error - repeated field "knownHolders" had too many elements');
                            }
                            yield {
                                field: `${prefix}.knownHolders[]`,
                                index: obj.knownHolders,
                                value: reader.bytes()
                            };
                            obj.knownHolders++;
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, HaveResponse.codec());
    }
    HaveResponse.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, HaveResponse.codec(), opts);
    }
    HaveResponse.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, HaveResponse.codec(), opts);
    }
    HaveResponse.stream = stream;
})(HaveResponse || (HaveResponse = {}));
export var CorruptionNotice;
(function (CorruptionNotice) {
    let _codec;
    CorruptionNotice.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.chunkCid != null && obj.chunkCid.byteLength > 0)) {
                    w.uint32(10);
                    w.bytes(obj.chunkCid);
                }
                if ((obj.holder != null && obj.holder.byteLength > 0)) {
                    w.uint32(18);
                    w.bytes(obj.holder);
                }
                if ((obj.noticedAt != null && obj.noticedAt !== 0n)) {
                    w.uint32(24);
                    w.uint64(obj.noticedAt);
                }
                if ((obj.signer != null && obj.signer.byteLength > 0)) {
                    w.uint32(34);
                    w.bytes(obj.signer);
                }
                if ((obj.signature != null && obj.signature.byteLength > 0)) {
                    w.uint32(42);
                    w.bytes(obj.signature);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    chunkCid: uint8ArrayAlloc(0),
                    holder: uint8ArrayAlloc(0),
                    noticedAt: 0n,
                    signer: uint8ArrayAlloc(0),
                    signature: uint8ArrayAlloc(0)
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.chunkCid = reader.bytes();
                            break;
                        }
                        case 2: {
                            obj.holder = reader.bytes();
                            break;
                        }
                        case 3: {
                            obj.noticedAt = reader.uint64();
                            break;
                        }
                        case 4: {
                            obj.signer = reader.bytes();
                            break;
                        }
                        case 5: {
                            obj.signature = reader.bytes();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.chunkCid`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.holder`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.noticedAt`,
                                value: reader.uint64()
                            };
                            break;
                        }
                        case 4: {
                            yield {
                                field: `${prefix}.signer`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 5: {
                            yield {
                                field: `${prefix}.signature`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, CorruptionNotice.codec());
    }
    CorruptionNotice.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, CorruptionNotice.codec(), opts);
    }
    CorruptionNotice.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, CorruptionNotice.codec(), opts);
    }
    CorruptionNotice.stream = stream;
})(CorruptionNotice || (CorruptionNotice = {}));
export var CorruptionResponse;
(function (CorruptionResponse) {
    let _codec;
    CorruptionResponse.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.damaged != null && obj.damaged !== false)) {
                    w.uint32(8);
                    w.bool(obj.damaged);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    damaged: false
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.damaged = reader.bool();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.damaged`,
                                value: reader.bool()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, CorruptionResponse.codec());
    }
    CorruptionResponse.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, CorruptionResponse.codec(), opts);
    }
    CorruptionResponse.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, CorruptionResponse.codec(), opts);
    }
    CorruptionResponse.stream = stream;
})(CorruptionResponse || (CorruptionResponse = {}));
export var ChallengeRequest;
(function (ChallengeRequest) {
    let _codec;
    ChallengeRequest.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.chunkCid != null && obj.chunkCid.byteLength > 0)) {
                    w.uint32(10);
                    w.bytes(obj.chunkCid);
                }
                if ((obj.nonce != null && obj.nonce.byteLength > 0)) {
                    w.uint32(18);
                    w.bytes(obj.nonce);
                }
                if ((obj.offset != null && obj.offset !== 0)) {
                    w.uint32(24);
                    w.uint32(obj.offset);
                }
                if ((obj.length != null && obj.length !== 0)) {
                    w.uint32(32);
                    w.uint32(obj.length);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    chunkCid: uint8ArrayAlloc(0),
                    nonce: uint8ArrayAlloc(0),
                    offset: 0,
                    length: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.chunkCid = reader.bytes();
                            break;
                        }
                        case 2: {
                            obj.nonce = reader.bytes();
                            break;
                        }
                        case 3: {
                            obj.offset = reader.uint32();
                            break;
                        }
                        case 4: {
                            obj.length = reader.uint32();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.chunkCid`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.nonce`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.offset`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 4: {
                            yield {
                                field: `${prefix}.length`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, ChallengeRequest.codec());
    }
    ChallengeRequest.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, ChallengeRequest.codec(), opts);
    }
    ChallengeRequest.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, ChallengeRequest.codec(), opts);
    }
    ChallengeRequest.stream = stream;
})(ChallengeRequest || (ChallengeRequest = {}));
export var ChallengeResponse;
(function (ChallengeResponse) {
    let _codec;
    ChallengeResponse.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.proof != null && obj.proof.byteLength > 0)) {
                    w.uint32(10);
                    w.bytes(obj.proof);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    proof: uint8ArrayAlloc(0)
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.proof = reader.bytes();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.proof`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, ChallengeResponse.codec());
    }
    ChallengeResponse.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, ChallengeResponse.codec(), opts);
    }
    ChallengeResponse.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, ChallengeResponse.codec(), opts);
    }
    ChallengeResponse.stream = stream;
})(ChallengeResponse || (ChallengeResponse = {}));
