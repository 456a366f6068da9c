import type { Codec, DecodeOptions } from 'protons-runtime';
import type { Uint8ArrayList } from 'uint8arraylist';
export interface ObjectNote {
    manifestCid: Uint8Array<ArrayBuffer>;
    publisher: Uint8Array<ArrayBuffer>;
    copies: number;
    k: number;
    m: number;
    sizeBytes: bigint;
}
export declare namespace ObjectNote {
    const codec: () => Codec<ObjectNote>;
    interface ObjectNoteManifestCidFieldEvent {
        field: '$.manifestCid';
        value: Uint8Array<ArrayBuffer>;
    }
    interface ObjectNotePublisherFieldEvent {
        field: '$.publisher';
        value: Uint8Array<ArrayBuffer>;
    }
    interface ObjectNoteCopiesFieldEvent {
        field: '$.copies';
        value: number;
    }
    interface ObjectNoteKFieldEvent {
        field: '$.k';
        value: number;
    }
    interface ObjectNoteMFieldEvent {
        field: '$.m';
        value: number;
    }
    interface ObjectNoteSizeBytesFieldEvent {
        field: '$.sizeBytes';
        value: bigint;
    }
    function encode(obj: Partial<ObjectNote>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<ObjectNote>): ObjectNote;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<ObjectNote>): Generator<ObjectNoteManifestCidFieldEvent | ObjectNotePublisherFieldEvent | ObjectNoteCopiesFieldEvent | ObjectNoteKFieldEvent | ObjectNoteMFieldEvent | ObjectNoteSizeBytesFieldEvent>;
}
export interface DdsRequest {
    storeChunk?: StoreChunkRequest;
    retrieveChunk?: RetrieveChunkRequest;
    replicationInstruction?: ReplicationInstruction;
    have?: HaveRequest;
    corruptionNotice?: CorruptionNotice;
    challenge?: ChallengeRequest;
}
export declare namespace DdsRequest {
    const codec: () => Codec<DdsRequest>;
    interface DdsRequestStoreChunkChunkCidFieldEvent {
        field: '$.storeChunk.chunkCid';
        value: Uint8Array<ArrayBuffer>;
    }
    interface DdsRequestStoreChunkSizeBytesFieldEvent {
        field: '$.storeChunk.sizeBytes';
        value: number;
    }
    interface DdsRequestStoreChunkObjectManifestCidFieldEvent {
        field: '$.storeChunk.object.manifestCid';
        value: Uint8Array<ArrayBuffer>;
    }
    interface DdsRequestStoreChunkObjectPublisherFieldEvent {
        field: '$.storeChunk.object.publisher';
        value: Uint8Array<ArrayBuffer>;
    }
    interface DdsRequestStoreChunkObjectCopiesFieldEvent {
        field: '$.storeChunk.object.copies';
        value: number;
    }
    interface DdsRequestStoreChunkObjectKFieldEvent {
        field: '$.storeChunk.object.k';
        value: number;
    }
    interface DdsRequestStoreChunkObjectMFieldEvent {
        field: '$.storeChunk.object.m';
        value: number;
    }
    interface DdsRequestStoreChunkObjectSizeBytesFieldEvent {
        field: '$.storeChunk.object.sizeBytes';
        value: bigint;
    }
    interface DdsRequestRetrieveChunkChunkCidFieldEvent {
        field: '$.retrieveChunk.chunkCid';
        value: Uint8Array<ArrayBuffer>;
    }
    interface DdsRequestRetrieveChunkOffsetFieldEvent {
        field: '$.retrieveChunk.offset';
        value: number;
    }
    interface DdsRequestRetrieveChunkLengthFieldEvent {
        field: '$.retrieveChunk.length';
        value: number;
    }
    interface DdsRequestReplicationInstructionChunkCidsFieldEvent {
        field: '$.replicationInstruction.chunkCids[]';
        index: number;
        value: Uint8Array<ArrayBuffer>;
    }
    interface DdsRequestReplicationInstructionObjectManifestCidFieldEvent {
        field: '$.replicationInstruction.object.manifestCid';
        value: Uint8Array<ArrayBuffer>;
    }
    interface DdsRequestReplicationInstructionObjectPublisherFieldEvent {
        field: '$.replicationInstruction.object.publisher';
        value: Uint8Array<ArrayBuffer>;
    }
    interface DdsRequestReplicationInstructionObjectCopiesFieldEvent {
        field: '$.replicationInstruction.object.copies';
        value: number;
    }
    interface DdsRequestReplicationInstructionObjectKFieldEvent {
        field: '$.replicationInstruction.object.k';
        value: number;
    }
    interface DdsRequestReplicationInstructionObjectMFieldEvent {
        field: '$.replicationInstruction.object.m';
        value: number;
    }
    interface DdsRequestReplicationInstructionObjectSizeBytesFieldEvent {
        field: '$.replicationInstruction.object.sizeBytes';
        value: bigint;
    }
    interface DdsRequestReplicationInstructionSourceHintsFieldEvent {
        field: '$.replicationInstruction.sourceHints[]';
        index: number;
        value: Uint8Array<ArrayBuffer>;
    }
    interface DdsRequestHaveChunkCidsFieldEvent {
        field: '$.have.chunkCids[]';
        index: number;
        value: Uint8Array<ArrayBuffer>;
    }
    interface DdsRequestHaveKeepForManifestCidFieldEvent {
        field: '$.have.keepFor.manifestCid';
        value: Uint8Array<ArrayBuffer>;
    }
    interface DdsRequestHaveKeepForPublisherFieldEvent {
        field: '$.have.keepFor.publisher';
        value: Uint8Array<ArrayBuffer>;
    }
    interface DdsRequestHaveKeepForCopiesFieldEvent {
        field: '$.have.keepFor.copies';
        value: number;
    }
    interface DdsRequestHaveKeepForKFieldEvent {
        field: '$.have.keepFor.k';
        value: number;
    }
    interface DdsRequestHaveKeepForMFieldEvent {
        field: '$.have.keepFor.m';
        value: number;
    }
    interface DdsRequestHaveKeepForSizeBytesFieldEvent {
        field: '$.have.keepFor.sizeBytes';
        value: bigint;
    }
    interface DdsRequestCorruptionNoticeChunkCidFieldEvent {
        field: '$.corruptionNotice.chunkCid';
        value: Uint8Array<ArrayBuffer>;
    }
    interface DdsRequestCorruptionNoticeHolderFieldEvent {
        field: '$.corruptionNotice.holder';
        value: Uint8Array<ArrayBuffer>;
    }
    interface DdsRequestCorruptionNoticeNoticedAtFieldEvent {
        field: '$.corruptionNotice.noticedAt';
        value: bigint;
    }
    interface DdsRequestCorruptionNoticeSignerFieldEvent {
        field: '$.corruptionNotice.signer';
        value: Uint8Array<ArrayBuffer>;
    }
    interface DdsRequestCorruptionNoticeSignatureFieldEvent {
        field: '$.corruptionNotice.signature';
        value: Uint8Array<ArrayBuffer>;
    }
    interface DdsRequestChallengeChunkCidFieldEvent {
        field: '$.challenge.chunkCid';
        value: Uint8Array<ArrayBuffer>;
    }
    interface DdsRequestChallengeNonceFieldEvent {
        field: '$.challenge.nonce';
        value: Uint8Array<ArrayBuffer>;
    }
    interface DdsRequestChallengeOffsetFieldEvent {
        field: '$.challenge.offset';
        value: number;
    }
    interface DdsRequestChallengeLengthFieldEvent {
        field: '$.challenge.length';
        value: number;
    }
    function encode(obj: Partial<DdsRequest>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<DdsRequest>): DdsRequest;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<DdsRequest>): Generator<DdsRequestStoreChunkChunkCidFieldEvent | DdsRequestStoreChunkSizeBytesFieldEvent | DdsRequestStoreChunkObjectManifestCidFieldEvent | DdsRequestStoreChunkObjectPublisherFieldEvent | DdsRequestStoreChunkObjectCopiesFieldEvent | DdsRequestStoreChunkObjectKFieldEvent | DdsRequestStoreChunkObjectMFieldEvent | DdsRequestStoreChunkObjectSizeBytesFieldEvent | DdsRequestRetrieveChunkChunkCidFieldEvent | DdsRequestRetrieveChunkOffsetFieldEvent | DdsRequestRetrieveChunkLengthFieldEvent | DdsRequestReplicationInstructionChunkCidsFieldEvent | DdsRequestReplicationInstructionObjectManifestCidFieldEvent | DdsRequestReplicationInstructionObjectPublisherFieldEvent | DdsRequestReplicationInstructionObjectCopiesFieldEvent | DdsRequestReplicationInstructionObjectKFieldEvent | DdsRequestReplicationInstructionObjectMFieldEvent | DdsRequestReplicationInstructionObjectSizeBytesFieldEvent | DdsRequestReplicationInstructionSourceHintsFieldEvent | DdsRequestHaveChunkCidsFieldEvent | DdsRequestHaveKeepForManifestCidFieldEvent | DdsRequestHaveKeepForPublisherFieldEvent | DdsRequestHaveKeepForCopiesFieldEvent | DdsRequestHaveKeepForKFieldEvent | DdsRequestHaveKeepForMFieldEvent | DdsRequestHaveKeepForSizeBytesFieldEvent | DdsRequestCorruptionNoticeChunkCidFieldEvent | DdsRequestCorruptionNoticeHolderFieldEvent | DdsRequestCorruptionNoticeNoticedAtFieldEvent | DdsRequestCorruptionNoticeSignerFieldEvent | DdsRequestCorruptionNoticeSignatureFieldEvent | DdsRequestChallengeChunkCidFieldEvent | DdsRequestChallengeNonceFieldEvent | DdsRequestChallengeOffsetFieldEvent | DdsRequestChallengeLengthFieldEvent>;
}
export interface DdsResponse {
    storeChunk?: StoreChunkResponse;
    retrieveChunk?: RetrieveChunkResponse;
    replication?: ReplicationResponse;
    have?: HaveResponse;
    corruption?: CorruptionResponse;
    challenge?: ChallengeResponse;
}
export declare namespace DdsResponse {
    const codec: () => Codec<DdsResponse>;
    interface DdsResponseStoreChunkCodeFieldEvent {
        field: '$.storeChunk.code';
        value: StoreChunkCode;
    }
    interface DdsResponseStoreChunkChunkCidFieldEvent {
        field: '$.storeChunk.chunkCid';
        value: Uint8Array<ArrayBuffer>;
    }
    interface DdsResponseStoreChunkAlreadyHeldFieldEvent {
        field: '$.storeChunk.alreadyHeld';
        value: boolean;
    }
    interface DdsResponseRetrieveChunkCodeFieldEvent {
        field: '$.retrieveChunk.code';
        value: RetrieveChunkCode;
    }
    interface DdsResponseRetrieveChunkTotalSizeBytesFieldEvent {
        field: '$.retrieveChunk.totalSizeBytes';
        value: number;
    }
    interface DdsResponseRetrieveChunkOffsetFieldEvent {
        field: '$.retrieveChunk.offset';
        value: number;
    }
    interface DdsResponseRetrieveChunkLengthFieldEvent {
        field: '$.retrieveChunk.length';
        value: number;
    }
    interface DdsResponseRetrieveChunkRetryAfterMsFieldEvent {
        field: '$.retrieveChunk.retryAfterMs';
        value: number;
    }
    interface DdsResponseReplicationCodeFieldEvent {
        field: '$.replication.code';
        value: ReplicationCode;
    }
    interface DdsResponseReplicationChunkCidFieldEvent {
        field: '$.replication.chunkCid';
        value: Uint8Array<ArrayBuffer>;
    }
    interface DdsResponseHaveHeldFieldEvent {
        field: '$.have.held';
        value: Uint8Array<ArrayBuffer>;
    }
    interface DdsResponseHaveKeptFieldEvent {
        field: '$.have.kept';
        value: Uint8Array<ArrayBuffer>;
    }
    interface DdsResponseHaveKnownHoldersFieldEvent {
        field: '$.have.knownHolders[]';
        index: number;
        value: Uint8Array<ArrayBuffer>;
    }
    interface DdsResponseCorruptionDamagedFieldEvent {
        field: '$.corruption.damaged';
        value: boolean;
    }
    interface DdsResponseChallengeProofFieldEvent {
        field: '$.challenge.proof';
        value: Uint8Array<ArrayBuffer>;
    }
    function encode(obj: Partial<DdsResponse>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<DdsResponse>): DdsResponse;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<DdsResponse>): Generator<DdsResponseStoreChunkCodeFieldEvent | DdsResponseStoreChunkChunkCidFieldEvent | DdsResponseStoreChunkAlreadyHeldFieldEvent | DdsResponseRetrieveChunkCodeFieldEvent | DdsResponseRetrieveChunkTotalSizeBytesFieldEvent | DdsResponseRetrieveChunkOffsetFieldEvent | DdsResponseRetrieveChunkLengthFieldEvent | DdsResponseRetrieveChunkRetryAfterMsFieldEvent | DdsResponseReplicationCodeFieldEvent | DdsResponseReplicationChunkCidFieldEvent | DdsResponseHaveHeldFieldEvent | DdsResponseHaveKeptFieldEvent | DdsResponseHaveKnownHoldersFieldEvent | DdsResponseCorruptionDamagedFieldEvent | DdsResponseChallengeProofFieldEvent>;
}
export interface StoreChunkRequest {
    chunkCid: Uint8Array<ArrayBuffer>;
    sizeBytes: number;
    object?: ObjectNote;
}
export declare namespace StoreChunkRequest {
    const codec: () => Codec<StoreChunkRequest>;
    interface StoreChunkRequestChunkCidFieldEvent {
        field: '$.chunkCid';
        value: Uint8Array<ArrayBuffer>;
    }
    interface StoreChunkRequestSizeBytesFieldEvent {
        field: '$.sizeBytes';
        value: number;
    }
    interface StoreChunkRequestObjectManifestCidFieldEvent {
        field: '$.object.manifestCid';
        value: Uint8Array<ArrayBuffer>;
    }
    interface StoreChunkRequestObjectPublisherFieldEvent {
        field: '$.object.publisher';
        value: Uint8Array<ArrayBuffer>;
    }
    interface StoreChunkRequestObjectCopiesFieldEvent {
        field: '$.object.copies';
        value: number;
    }
    interface StoreChunkRequestObjectKFieldEvent {
        field: '$.object.k';
        value: number;
    }
    interface StoreChunkRequestObjectMFieldEvent {
        field: '$.object.m';
        value: number;
    }
    interface StoreChunkRequestObjectSizeBytesFieldEvent {
        field: '$.object.sizeBytes';
        value: bigint;
    }
    function encode(obj: Partial<StoreChunkRequest>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<StoreChunkRequest>): StoreChunkRequest;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<StoreChunkRequest>): Generator<StoreChunkRequestChunkCidFieldEvent | StoreChunkRequestSizeBytesFieldEvent | StoreChunkRequestObjectManifestCidFieldEvent | StoreChunkRequestObjectPublisherFieldEvent | StoreChunkRequestObjectCopiesFieldEvent | StoreChunkRequestObjectKFieldEvent | StoreChunkRequestObjectMFieldEvent | StoreChunkRequestObjectSizeBytesFieldEvent>;
}
export declare enum StoreChunkCode {
    STORE_UNKNOWN = "STORE_UNKNOWN",
    STORE_OK = "STORE_OK",
    STORE_REFUSED_QUOTA = "STORE_REFUSED_QUOTA",
    STORE_INVALID_CID = "STORE_INVALID_CID",
    STORE_TOO_LARGE = "STORE_TOO_LARGE",
    STORE_UNAUTHORISED = "STORE_UNAUTHORISED"
}
export declare namespace StoreChunkCode {
    const codec: () => Codec<StoreChunkCode>;
}
export interface StoreChunkResponse {
    code: StoreChunkCode;
    chunkCid: Uint8Array<ArrayBuffer>;
    alreadyHeld: boolean;
}
export declare namespace StoreChunkResponse {
    const codec: () => Codec<StoreChunkResponse>;
    interface StoreChunkResponseCodeFieldEvent {
        field: '$.code';
        value: StoreChunkCode;
    }
    interface StoreChunkResponseChunkCidFieldEvent {
        field: '$.chunkCid';
        value: Uint8Array<ArrayBuffer>;
    }
    interface StoreChunkResponseAlreadyHeldFieldEvent {
        field: '$.alreadyHeld';
        value: boolean;
    }
    function encode(obj: Partial<StoreChunkResponse>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<StoreChunkResponse>): StoreChunkResponse;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<StoreChunkResponse>): Generator<StoreChunkResponseCodeFieldEvent | StoreChunkResponseChunkCidFieldEvent | StoreChunkResponseAlreadyHeldFieldEvent>;
}
export interface RetrieveChunkRequest {
    chunkCid: Uint8Array<ArrayBuffer>;
    offset: number;
    length: number;
}
export declare namespace RetrieveChunkRequest {
    const codec: () => Codec<RetrieveChunkRequest>;
    interface RetrieveChunkRequestChunkCidFieldEvent {
        field: '$.chunkCid';
        value: Uint8Array<ArrayBuffer>;
    }
    interface RetrieveChunkRequestOffsetFieldEvent {
        field: '$.offset';
        value: number;
    }
    interface RetrieveChunkRequestLengthFieldEvent {
        field: '$.length';
        value: number;
    }
    function encode(obj: Partial<RetrieveChunkRequest>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<RetrieveChunkRequest>): RetrieveChunkRequest;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<RetrieveChunkRequest>): Generator<RetrieveChunkRequestChunkCidFieldEvent | RetrieveChunkRequestOffsetFieldEvent | RetrieveChunkRequestLengthFieldEvent>;
}
export declare enum RetrieveChunkCode {
    RETRIEVE_UNKNOWN = "RETRIEVE_UNKNOWN",
    RETRIEVE_OK = "RETRIEVE_OK",
    RETRIEVE_NOT_FOUND = "RETRIEVE_NOT_FOUND",
    RETRIEVE_BUSY = "RETRIEVE_BUSY",
    RETRIEVE_UNAUTHORISED = "RETRIEVE_UNAUTHORISED",
    RETRIEVE_INVALID_RANGE = "RETRIEVE_INVALID_RANGE",
    RETRIEVE_DAMAGED = "RETRIEVE_DAMAGED"
}
export declare namespace RetrieveChunkCode {
    const codec: () => Codec<RetrieveChunkCode>;
}
export interface RetrieveChunkResponse {
    code: RetrieveChunkCode;
    totalSizeBytes: number;
    offset: number;
    length: number;
    retryAfterMs: number;
}
export declare namespace RetrieveChunkResponse {
    const codec: () => Codec<RetrieveChunkResponse>;
    interface RetrieveChunkResponseCodeFieldEvent {
        field: '$.code';
        value: RetrieveChunkCode;
    }
    interface RetrieveChunkResponseTotalSizeBytesFieldEvent {
        field: '$.totalSizeBytes';
        value: number;
    }
    interface RetrieveChunkResponseOffsetFieldEvent {
        field: '$.offset';
        value: number;
    }
    interface RetrieveChunkResponseLengthFieldEvent {
        field: '$.length';
        value: number;
    }
    interface RetrieveChunkResponseRetryAfterMsFieldEvent {
        field: '$.retryAfterMs';
        value: number;
    }
    function encode(obj: Partial<RetrieveChunkResponse>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<RetrieveChunkResponse>): RetrieveChunkResponse;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<RetrieveChunkResponse>): Generator<RetrieveChunkResponseCodeFieldEvent | RetrieveChunkResponseTotalSizeBytesFieldEvent | RetrieveChunkResponseOffsetFieldEvent | RetrieveChunkResponseLengthFieldEvent | RetrieveChunkResponseRetryAfterMsFieldEvent>;
}
export interface ReplicationInstruction {
    chunkCids: Uint8Array<ArrayBuffer>[];
    object?: ObjectNote;
    sourceHints: Uint8Array<ArrayBuffer>[];
}
export declare namespace ReplicationInstruction {
    const codec: () => Codec<ReplicationInstruction>;
    interface ReplicationInstructionChunkCidsFieldEvent {
        field: '$.chunkCids[]';
        index: number;
        value: Uint8Array<ArrayBuffer>;
    }
    interface ReplicationInstructionObjectManifestCidFieldEvent {
        field: '$.object.manifestCid';
        value: Uint8Array<ArrayBuffer>;
    }
    interface ReplicationInstructionObjectPublisherFieldEvent {
        field: '$.object.publisher';
        value: Uint8Array<ArrayBuffer>;
    }
    interface ReplicationInstructionObjectCopiesFieldEvent {
        field: '$.object.copies';
        value: number;
    }
    interface ReplicationInstructionObjectKFieldEvent {
        field: '$.object.k';
        value: number;
    }
    interface ReplicationInstructionObjectMFieldEvent {
        field: '$.object.m';
        value: number;
    }
    interface ReplicationInstructionObjectSizeBytesFieldEvent {
        field: '$.object.sizeBytes';
        value: bigint;
    }
    interface ReplicationInstructionSourceHintsFieldEvent {
        field: '$.sourceHints[]';
        index: number;
        value: Uint8Array<ArrayBuffer>;
    }
    function encode(obj: Partial<ReplicationInstruction>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<ReplicationInstruction>): ReplicationInstruction;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<ReplicationInstruction>): Generator<ReplicationInstructionChunkCidsFieldEvent | ReplicationInstructionObjectManifestCidFieldEvent | ReplicationInstructionObjectPublisherFieldEvent | ReplicationInstructionObjectCopiesFieldEvent | ReplicationInstructionObjectKFieldEvent | ReplicationInstructionObjectMFieldEvent | ReplicationInstructionObjectSizeBytesFieldEvent | ReplicationInstructionSourceHintsFieldEvent>;
}
export declare enum ReplicationCode {
    REPLICATION_UNKNOWN = "REPLICATION_UNKNOWN",
    REPLICATION_ACCEPTED = "REPLICATION_ACCEPTED",
    REPLICATION_ALREADY_HELD = "REPLICATION_ALREADY_HELD",
    REPLICATION_REFUSED = "REPLICATION_REFUSED"
}
export declare namespace ReplicationCode {
    const codec: () => Codec<ReplicationCode>;
}
export interface ReplicationResponse {
    code: ReplicationCode;
    chunkCid: Uint8Array<ArrayBuffer>;
}
export declare namespace ReplicationResponse {
    const codec: () => Codec<ReplicationResponse>;
    interface ReplicationResponseCodeFieldEvent {
        field: '$.code';
        value: ReplicationCode;
    }
    interface ReplicationResponseChunkCidFieldEvent {
        field: '$.chunkCid';
        value: Uint8Array<ArrayBuffer>;
    }
    function encode(obj: Partial<ReplicationResponse>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<ReplicationResponse>): ReplicationResponse;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<ReplicationResponse>): Generator<ReplicationResponseCodeFieldEvent | ReplicationResponseChunkCidFieldEvent>;
}
export interface HaveRequest {
    chunkCids: Uint8Array<ArrayBuffer>[];
    keepFor?: ObjectNote;
}
export declare namespace HaveRequest {
    const codec: () => Codec<HaveRequest>;
    interface HaveRequestChunkCidsFieldEvent {
        field: '$.chunkCids[]';
        index: number;
        value: Uint8Array<ArrayBuffer>;
    }
    interface HaveRequestKeepForManifestCidFieldEvent {
        field: '$.keepFor.manifestCid';
        value: Uint8Array<ArrayBuffer>;
    }
    interface HaveRequestKeepForPublisherFieldEvent {
        field: '$.keepFor.publisher';
        value: Uint8Array<ArrayBuffer>;
    }
    interface HaveRequestKeepForCopiesFieldEvent {
        field: '$.keepFor.copies';
        value: number;
    }
    interface HaveRequestKeepForKFieldEvent {
        field: '$.keepFor.k';
        value: number;
    }
    interface HaveRequestKeepForMFieldEvent {
        field: '$.keepFor.m';
        value: number;
    }
    interface HaveRequestKeepForSizeBytesFieldEvent {
        field: '$.keepFor.sizeBytes';
        value: bigint;
    }
    function encode(obj: Partial<HaveRequest>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<HaveRequest>): HaveRequest;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<HaveRequest>): Generator<HaveRequestChunkCidsFieldEvent | HaveRequestKeepForManifestCidFieldEvent | HaveRequestKeepForPublisherFieldEvent | HaveRequestKeepForCopiesFieldEvent | HaveRequestKeepForKFieldEvent | HaveRequestKeepForMFieldEvent | HaveRequestKeepForSizeBytesFieldEvent>;
}
export interface HaveResponse {
    held: Uint8Array<ArrayBuffer>;
    kept: Uint8Array<ArrayBuffer>;
    knownHolders: Uint8Array<ArrayBuffer>[];
}
export declare namespace HaveResponse {
    const codec: () => Codec<HaveResponse>;
    interface HaveResponseHeldFieldEvent {
        field: '$.held';
        value: Uint8Array<ArrayBuffer>;
    }
    interface HaveResponseKeptFieldEvent {
        field: '$.kept';
        value: Uint8Array<ArrayBuffer>;
    }
    interface HaveResponseKnownHoldersFieldEvent {
        field: '$.knownHolders[]';
        index: number;
        value: Uint8Array<ArrayBuffer>;
    }
    function encode(obj: Partial<HaveResponse>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<HaveResponse>): HaveResponse;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<HaveResponse>): Generator<HaveResponseHeldFieldEvent | HaveResponseKeptFieldEvent | HaveResponseKnownHoldersFieldEvent>;
}
export interface CorruptionNotice {
    chunkCid: Uint8Array<ArrayBuffer>;
    holder: Uint8Array<ArrayBuffer>;
    noticedAt: bigint;
    signer: Uint8Array<ArrayBuffer>;
    signature: Uint8Array<ArrayBuffer>;
}
export declare namespace CorruptionNotice {
    const codec: () => Codec<CorruptionNotice>;
    interface CorruptionNoticeChunkCidFieldEvent {
        field: '$.chunkCid';
        value: Uint8Array<ArrayBuffer>;
    }
    interface CorruptionNoticeHolderFieldEvent {
        field: '$.holder';
        value: Uint8Array<ArrayBuffer>;
    }
    interface CorruptionNoticeNoticedAtFieldEvent {
        field: '$.noticedAt';
        value: bigint;
    }
    interface CorruptionNoticeSignerFieldEvent {
        field: '$.signer';
        value: Uint8Array<ArrayBuffer>;
    }
    interface CorruptionNoticeSignatureFieldEvent {
        field: '$.signature';
        value: Uint8Array<ArrayBuffer>;
    }
    function encode(obj: Partial<CorruptionNotice>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<CorruptionNotice>): CorruptionNotice;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<CorruptionNotice>): Generator<CorruptionNoticeChunkCidFieldEvent | CorruptionNoticeHolderFieldEvent | CorruptionNoticeNoticedAtFieldEvent | CorruptionNoticeSignerFieldEvent | CorruptionNoticeSignatureFieldEvent>;
}
export interface CorruptionResponse {
    damaged: boolean;
}
export declare namespace CorruptionResponse {
    const codec: () => Codec<CorruptionResponse>;
    interface CorruptionResponseDamagedFieldEvent {
        field: '$.damaged';
        value: boolean;
    }
    function encode(obj: Partial<CorruptionResponse>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<CorruptionResponse>): CorruptionResponse;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<CorruptionResponse>): Generator<CorruptionResponseDamagedFieldEvent>;
}
export interface ChallengeRequest {
    chunkCid: Uint8Array<ArrayBuffer>;
    nonce: Uint8Array<ArrayBuffer>;
    offset: number;
    length: number;
}
export declare namespace ChallengeRequest {
    const codec: () => Codec<ChallengeRequest>;
    interface ChallengeRequestChunkCidFieldEvent {
        field: '$.chunkCid';
        value: Uint8Array<ArrayBuffer>;
    }
    interface ChallengeRequestNonceFieldEvent {
        field: '$.nonce';
        value: Uint8Array<ArrayBuffer>;
    }
    interface ChallengeRequestOffsetFieldEvent {
        field: '$.offset';
        value: number;
    }
    interface ChallengeRequestLengthFieldEvent {
        field: '$.length';
        value: number;
    }
    function encode(obj: Partial<ChallengeRequest>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<ChallengeRequest>): ChallengeRequest;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<ChallengeRequest>): Generator<ChallengeRequestChunkCidFieldEvent | ChallengeRequestNonceFieldEvent | ChallengeRequestOffsetFieldEvent | ChallengeRequestLengthFieldEvent>;
}
export interface ChallengeResponse {
    proof: Uint8Array<ArrayBuffer>;
}
export declare namespace ChallengeResponse {
    const codec: () => Codec<ChallengeResponse>;
    interface ChallengeResponseProofFieldEvent {
        field: '$.proof';
        value: Uint8Array<ArrayBuffer>;
    }
    function encode(obj: Partial<ChallengeResponse>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<ChallengeResponse>): ChallengeResponse;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<ChallengeResponse>): Generator<ChallengeResponseProofFieldEvent>;
}
